import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { Lease } from "../admission/in-flight-budget.ts";
import { type Answer, problemAnswer, withHeaders } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import { SenderGoneError } from "../request/read-body.ts";
import type { BeginAccessEntry } from "../telemetry/access-log.ts";
import { createServerTiming, markNothing } from "../telemetry/server-timing.ts";
import { type TraceRequest, UNSAMPLED } from "../telemetry/trace-request.ts";
import type { EventRoute, Ingest, RequestMetrics } from "./call.ts";
import { bodyRequestFor } from "./expectation.ts";
import { holdForAnswer } from "./hold-answer.ts";
import { requestIdOf } from "@fiberstream/http/request-id";
import { writeAnswer } from "./write-answer.ts";

export type ServeEvents = (
  route: EventRoute,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

/** Answers a request with events, also if it fails, and measures it. Never rejects. */
export function createServeEvents(options: {
  ingest: Ingest;
  metrics: RequestMetrics & { readonly countSenderGone: () => void };
  traceRequest: TraceRequest;
  beginEntry: BeginAccessEntry;
  stopping: AbortSignal;
  log: Log;
}): ServeEvents {
  const { ingest, metrics, traceRequest, beginEntry, stopping, log } = options;

  const answerOf = (refusal: Refusal, requestId: string): Answer => {
    metrics.countRefusal(refusal.code);
    return problemAnswer(refusal, requestId);
  };

  const refused = (error: unknown, requestId: string, traceId: string | undefined): Answer => {
    if (error instanceof Refusal) return answerOf(error, requestId);
    log.error(
      { reason: messageOf(error), err: error, requestId, "trace.id": traceId },
      "unhandled error in request",
    );
    const detail =
      "the gateway failed and may not have stored the events: send them again, and report this";
    return answerOf(new Refusal("INTERNAL_ERROR", detail), requestId);
  };

  return async (route, request, response) => {
    const startedAt = performance.now();
    let trace = UNSAMPLED;
    const requestId = requestIdOf(request);
    const entry = beginEntry({ route, requestId });
    const end = (status: number | undefined) => {
      const tookMs = performance.now() - startedAt;
      trace.end(status);
      entry.end(status, tookMs, trace.traceId);
      if (status !== undefined) metrics.observeRequest(route, status, tookMs / 1_000);
    };
    const timing = createServerTiming(request);
    let answer: Answer;
    let lease: Lease | undefined;
    try {
      answer = await ingest({
        route,
        request,
        askForBody: bodyRequestFor(request, response),
        mark: timing?.mark ?? markNothing,
        entry,
        beginTrace: () => (trace = traceRequest(request, route, performance.now() - startedAt)),
        passOn: (passed) => (lease = passed),
      });
    } catch (error) {
      // The sender is disconnected, and nothing of the request was stored.
      if (error instanceof SenderGoneError || request.errored || response.destroyed) {
        lease?.release();
        metrics.countSenderGone();
        return end(undefined);
      }
      answer = refused(error, requestId, trace.traceId);
    }
    try {
      if (lease !== undefined) holdForAnswer(lease, answer, response);
    } catch (error) {
      answer = refused(error, requestId, trace.traceId);
    }
    if (timing !== undefined) answer = withHeaders(answer, timing.header());
    writeAnswer(request, response, answer, { requestId, isLast: stopping.aborted });
    end(answer.status);
  };
}
