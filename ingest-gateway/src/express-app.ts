import { readCatalogueFile } from "@fiberstream/schemas/catalogue-files";
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import express, { type Request, type Response } from "express";
import { type Answer, jsonAnswer, problemAnswer } from "./answer.ts";
import type { GatewayMetrics, Route } from "./gateway-metrics.ts";
import { renderDocsPage } from "./openapi/docs-page.ts";
import type { OpenApiDocument } from "./openapi/openapi-document.ts";
import { Refusal } from "./refusal.ts";
import { requestIdOf } from "./request-id.ts";
import { writeAnswer } from "./write-answer.ts";

/** Everything that does not carry events, where a request more or less does not matter. */
export function createExpressApp(options: {
  status: () => Answer;
  openApi: OpenApiDocument;
  metrics: Pick<GatewayMetrics, "observeRequest" | "countRefusal">;
  stopping: AbortSignal;
  log: Log;
}): (request: IncomingMessage, response: ServerResponse) => void {
  const { metrics, stopping, log } = options;

  const answers =
    (route: Route, answerOf: (request: Request) => Answer | Page) =>
    (request: Request, response: Response) => {
      const startedAt = performance.now();
      const requestId = requestIdOf(request);
      const answer = answerOrProblem(() => answerOf(request), requestId);
      writeAnswer(request, response, answer, { requestId, isLast: stopping.aborted });
      metrics.observeRequest(route, answer.status, (performance.now() - startedAt) / 1_000);
    };

  const answerOrProblem = (answerOf: () => Answer | Page, requestId: string): Answer | Page => {
    try {
      return answerOf();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      metrics.countRefusal(error.code);
      return problemAnswer(error, requestId);
    }
  };

  const app = express().disable("x-powered-by").disable("etag");
  // A path is this one or another: a POST to /api/push/ is told so, not that it should be a POST.
  app.enable("case sensitive routing").enable("strict routing");
  app.get("/api/status", answers("status", options.status));
  const pages: Record<string, () => Answer> = {
    "/openapi.json": () => jsonAnswer(200, options.openApi),
    "/docs": () => htmlAnswer(renderDocsPage(options.openApi), LOADS_NOTHING),
    "/docs/topics": () => htmlAnswer(readCatalogueFile("topics.html"), HAS_ITS_POLICY),
    "/docs/asyncapi.json": () => ({
      status: 200,
      contentType: "application/json",
      body: readCatalogueFile("asyncapi.json"),
    }),
  };
  for (const [path, make] of Object.entries(pages))
    app.get(path, answers("other", onceAsked(make)));
  for (const [path, methods] of Object.entries(METHODS)) {
    app.all(path, answers("other", wrongMethod(methods)));
  }
  app.use(answers("other", noSuchRoute));
  // Express would answer in its own form what it cannot find a path in, and what fails.
  const unreadable = answers("other", () => {
    throw new Refusal("MALFORMED_HTTP", "the request's target must be a path or an absolute URL");
  });
  const failed = answers("other", () => {
    throw new Refusal("INTERNAL_ERROR", "the gateway has failed: report it");
  });
  return (incoming, outgoing) => {
    const [request, response] = [incoming as Request, outgoing as Response];
    app(request, response, (error: unknown) => {
      if (error === undefined || error === null) return unreadable(request, response);
      log.error({ reason: messageOf(error), err: error }, "a request failed by our fault");
      failed(request, response);
    });
  };
}

type Page = Omit<Answer, "body"> & { readonly body: Buffer };

/**
 * Made when somebody asks: a gateway of probes alone does not keep 200 KB for it. Of bytes, which connections share while
 * they are sent: of a text each connection that is slow to take it would hold a copy.
 */
function onceAsked(make: () => Answer): () => Page {
  let page: Page | undefined;
  return () => {
    if (page === undefined) {
      const answer = make();
      page = { ...answer, body: Buffer.from(answer.body) };
    }
    return page;
  };
}

const METHODS = {
  "/api/push": "POST",
  "/api/ingest": "POST",
  "/api/status": "GET, HEAD",
  "/openapi.json": "GET, HEAD",
  "/docs": "GET, HEAD",
  "/docs/topics": "GET, HEAD",
  "/docs/asyncapi.json": "GET, HEAD",
} as const;

/** A browser may load nothing at all but the style within the page. */
const LOADS_NOTHING = "default-src 'none'; style-src 'unsafe-inline'";
/** The page says itself which one script may run, also where it is opened as a file. */
const HAS_ITS_POLICY = "frame-ancestors 'none'";

const htmlAnswer = (body: string, policy: string): Answer => ({
  status: 200,
  contentType: "text/html; charset=utf-8",
  headers: {
    "Content-Security-Policy": policy,
    "X-Content-Type-Options": "nosniff",
  },
  body,
});

const wrongMethod = (methods: string) => (request: Request) => {
  const detail = `${request.path} takes ${methods}, got ${request.method}`;
  throw new Refusal("METHOD_NOT_ALLOWED", detail, { headers: { Allow: methods } });
};

const noSuchRoute = (): never => {
  const routes = Object.keys(METHODS).join(", ");
  throw new Refusal("NOT_FOUND", `there is no such route, there are ${routes}`);
};
