import type { IncomingMessage, ServerResponse } from "node:http";
import { LOADS_NOTHING } from "@fiberstream/http/browser-headers";
import { requestIdOf } from "@fiberstream/http/request-id";
import { wrongMethod } from "@fiberstream/http/wrong-method";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import express, { type Request, type Response } from "express";
import type { AnswerQuestion } from "../answer-questions.ts";
import {
  type Answer,
  inBytes,
  jsonAnswer,
  problemAnswer,
  type StreamedAnswer,
} from "../answers/answer.ts";
import { AskerGone } from "../answers/asker-gone.ts";
import { Refusal } from "../answers/refusal.ts";
import type { ConsoleMetrics } from "../console-metrics.ts";
import { renderDocsPage } from "../openapi/docs-page.ts";
import type { OpenApiDocument } from "../openapi/openapi-document.ts";
import type { PageRequest, PageRoute } from "../pages/page-route.ts";
import { problemPage } from "../pages/problem-page.ts";
import { readForm } from "../pages/read-form.ts";
import type { Route } from "../routes/route.ts";
import type { AskerConnections } from "./asker-connections.ts";
import { readBody } from "./read-body.ts";
import { keepBriefly, writeAnswer, writeStream } from "./write-answer.ts";

type AnswerRequest = (
  request: Request,
  requestId: string,
) => Answer | Promise<Answer | StreamedAnswer>;
type AnswerRefusal = (refusal: Refusal, requestId: string) => Answer;

/** Creates the express app: the routes of the API, its description, pages, and problem documents for all else. */
export function createExpressApp(options: {
  routes: readonly Route[];
  pages: readonly PageRoute[];
  answerQuestion: AnswerQuestion;
  openApi: OpenApiDocument;
  metrics: ConsoleMetrics;
  connections: Omit<AskerConnections, "opened">;
  /** After which an asker that has not received its answer is disconnected. */
  answerMaxMs: number;
  stopping: AbortSignal;
  log: Log;
}): (request: IncomingMessage, response: ServerResponse) => void {
  const { routes, answerQuestion, openApi, metrics, connections, answerMaxMs, stopping, log } =
    options;

  const respond = async (
    operation: string,
    [request, response]: [Request, Response],
    answerOf: AnswerRequest,
    answerRefusal: AnswerRefusal = problemAnswer,
  ) => {
    const startedAt = performance.now();
    const requestId = requestIdOf(request);
    let answer: Answer | StreamedAnswer;
    try {
      answer = await answerOf(request, requestId);
    } catch (error) {
      if (error instanceof AskerGone) {
        metrics.countAbandoned();
        return;
      }
      const refusal = refusalOf(error);
      if (refusal.code === "INTERNAL_ERROR") {
        log.error(
          { requestId, operation, reason: messageOf(error), err: error },
          "question failed",
        );
      }
      metrics.countRefusal(refusal.code);
      answer = answerRefusal(refusal, requestId);
    }
    if (!connections.isAdmitted(request.socket) && answer.status !== 401) keepBriefly(response);
    if ("stream" in answer) {
      // Until the first byte: how long it takes to read the rest is up to the asker.
      metrics.observe(operation, answer.status, (performance.now() - startedAt) / 1_000);
      await writeStream(response, answer, { requestId, answerMaxMs }).catch((error: unknown) => {
        log.warn({ requestId, operation, reason: messageOf(error) }, "answer cut");
        metrics.countCut();
      });
      return;
    }
    if (answer.received !== undefined) {
      whenOver(response, connections.gone(request.socket), answer.received);
    }
    if (response.destroyed) return;
    const status = writeAnswer(request, response, answer, {
      requestId,
      isLast: stopping.aborted,
      answerMaxMs,
    });
    if (status === 304) metrics.countUnchanged();
    metrics.observe(operation, status, (performance.now() - startedAt) / 1_000);
  };

  const serve =
    (operation: string, answerOf: AnswerRequest, answerRefusal?: AnswerRefusal) =>
    (request: Request, response: Response) =>
      void respond(operation, [request, response], answerOf, answerRefusal);

  const app = express().disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.enable("case sensitive routing").enable("strict routing");

  const methodsOf = new Map<string, string[]>();
  for (const route of routes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    const methods = methodsOf.get(path) ?? methodsOf.set(path, []).get(path);
    const isWithHead = route.method === "GET" && !route.isStreamed;
    methods?.push(...(isWithHead ? ["GET", "HEAD"] : [route.method]));
    // Express would answer HEAD as GET, and the database would read everything for nothing.
    if (route.isStreamed) app.head(path, serve("other", otherMethod(route.method)));
    const answer: AnswerRequest = async (request, requestId) =>
      answerQuestion(route, {
        headers: request.headers,
        address: request.socket.remoteAddress ?? "",
        requestId,
        path: request.params,
        // Without the prototype of the parser's object, which schemas do not accept.
        query: { ...request.query },
        readBody: () => readBody(request),
        gone: connections.gone(request.socket),
        admitted: () => connections.admitted(request.socket),
      });
    app[METHODS[route.method]](path, serve(route.operationId, answer));
  }
  for (const { method, path, operation, answer, isForPrograms } of options.pages) {
    const methods = methodsOf.get(path) ?? methodsOf.set(path, []).get(path);
    methods?.push(...(method === "GET" ? ["GET", "HEAD"] : [method]));
    const answerPage: AnswerRequest = (request, requestId) =>
      answer(pageRequestOf(request, requestId));
    app[METHODS[method]](
      path,
      serve(operation, answerPage, isForPrograms ? problemAnswer : problemPage),
    );
  }
  const descriptions: Record<string, () => Answer> = {
    "/openapi.json": () => jsonAnswer(200, openApi),
    "/docs": () => htmlAnswer(renderDocsPage(openApi)),
  };
  for (const [path, page] of Object.entries(descriptions)) {
    const made = inBytes(page());
    app.get(
      path,
      serve("other", () => made),
    );
    methodsOf.set(path, ["GET", "HEAD"]);
  }
  for (const [path, methods] of methodsOf)
    app.all(path, serve("other", otherMethod(methods.join(", "))));
  app.use(serve("other", noSuchRoute));

  return (incoming, outgoing) => {
    const [request, response] = [incoming as Request, outgoing as Response];
    // Without this, express would answer unreadable targets in its own format.
    app(request, response, (error: unknown) => {
      void respond("other", [request, response], () => {
        if (error !== undefined && error !== null && !(error instanceof URIError))
          throw error as Error;
        throw new Refusal(
          "MALFORMED_HTTP",
          "the request's target must be a path or an absolute URL",
        );
      });
    });
  };
}

/** Calls back when an answer was received, or its connection is closed: an answer that waits behind others has none of its own. */
function whenOver(response: ServerResponse, gone: AbortSignal, call: () => void): void {
  const over = () => {
    gone.removeEventListener("abort", over);
    call();
  };
  if (gone.aborted) return over();
  gone.addEventListener("abort", over);
  response.once("close", over);
}

const METHODS = { GET: "get", POST: "post", PATCH: "patch", DELETE: "delete" } as const;

const pageRequestOf = (request: Request, requestId: string): PageRequest => ({
  headers: request.headers,
  query: URL.parse(request.url, "http://console.invalid")?.searchParams ?? new URLSearchParams(),
  address: request.socket.remoteAddress ?? "",
  requestId,
  readForm: () => readForm(request),
});

const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : new Refusal("INTERNAL_ERROR", "the console failed: report this with the request id");

const otherMethod =
  (methods: string): AnswerRequest =>
  (request) => {
    throw new Refusal(...wrongMethod(methods, request));
  };

const noSuchRoute: AnswerRequest = () => {
  throw new Refusal("NOT_FOUND", "no such route; GET /docs lists the routes");
};

const htmlAnswer = (body: string): Answer => ({
  status: 200,
  contentType: "text/html; charset=utf-8",
  headers: {
    "Content-Security-Policy": LOADS_NOTHING,
  },
  body,
});
