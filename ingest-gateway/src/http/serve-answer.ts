import type { IncomingMessage, ServerResponse } from "node:http";
import { BROWSER_HEADERS } from "@fiberstream/http/browser-headers";
import { type Answer, problemAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import type { RequestMetrics, Route } from "./call.ts";
import { requestIdOf } from "@fiberstream/http/request-id";
import { writeAnswer } from "./write-answer.ts";

/** An answer whose body all connections share. */
export type Page = Omit<Answer, "body"> & { readonly body: Buffer };

/** Answers a request without events with what `answerOf` returns, or with the refusal that it throws, and measures it. */
export type ServeAnswer = (
  route: Route,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  answerOf: () => Answer | Page,
) => void;

export function createServeAnswer(options: {
  metrics: RequestMetrics;
  stopping: AbortSignal;
}): ServeAnswer {
  const { metrics, stopping } = options;

  const answerOrProblem = (answerOf: () => Answer | Page, requestId: string): Answer | Page => {
    try {
      return answerOf();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      metrics.countRefusal(error.code);
      return problemAnswer(error, requestId);
    }
  };

  return (route, { request, response }, answerOf) => {
    const startedAt = performance.now();
    const requestId = requestIdOf(request);
    const answer = answerOrProblem(answerOf, requestId);
    const headers = { ...BROWSER_HEADERS, ...answer.headers };
    writeAnswer(request, response, { ...answer, headers }, { requestId, isLast: stopping.aborted });
    metrics.observeRequest(route, answer.status, (performance.now() - startedAt) / 1_000);
  };
}
