import express, { type Express, type Request, type Response } from "express";
import { type Answer, problemAnswer } from "./answer.ts";
import type { GatewayMetrics, Route } from "./gateway-metrics.ts";
import { Refusal } from "./refusal.ts";
import { requestIdOf } from "./request-id.ts";
import { writeAnswer } from "./write-answer.ts";

/** Everything that does not carry events, where a request more or less does not matter. */
export function createExpressApp(options: {
  status: () => Answer;
  metrics: Pick<GatewayMetrics, "observeRequest" | "countRefusal">;
  stopping: AbortSignal;
}): Express {
  const { metrics, stopping } = options;

  const answers =
    (route: Route, answerOf: (request: Request) => Answer) =>
    (request: Request, response: Response) => {
      const startedAt = performance.now();
      const requestId = requestIdOf(request);
      const answer = answerOrProblem(() => answerOf(request), requestId);
      writeAnswer(request, response, answer, { requestId, isLast: stopping.aborted });
      metrics.observeRequest(route, answer.status, (performance.now() - startedAt) / 1_000);
    };

  const answerOrProblem = (answerOf: () => Answer, requestId: string): Answer => {
    try {
      return answerOf();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      metrics.countRefusal(error.code);
      return problemAnswer(error, requestId);
    }
  };

  const app = express().disable("x-powered-by").disable("etag");
  app.get("/api/status", answers("status", options.status));
  for (const [path, methods] of Object.entries(METHODS)) {
    app.all(path, answers("other", wrongMethod(methods)));
  }
  app.use(answers("other", noSuchRoute));
  return app;
}

const METHODS = {
  "/api/push": "POST",
  "/api/ingest": "POST",
  "/api/status": "GET, HEAD",
} as const;

const wrongMethod = (methods: string) => (request: Request) => {
  const detail = `${request.path} takes ${methods}, got ${request.method}`;
  throw new Refusal("METHOD_NOT_ALLOWED", detail, { headers: { Allow: methods } });
};

const noSuchRoute = (): never => {
  const routes = Object.keys(METHODS).join(", ");
  throw new Refusal("NOT_FOUND", `there is no such route, there are ${routes}`);
};
