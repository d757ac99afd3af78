import { readCatalogueFile } from "@fiberstream/schemas/catalogue-files";
import { LOADS_NOTHING } from "@fiberstream/http/browser-headers";
import { wrongMethod } from "@fiberstream/http/wrong-method";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import express, { type Request, type Response } from "express";
import { type Answer, jsonAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import { renderDocsPage } from "../openapi/docs-page.ts";
import type { OpenApiDocument } from "../openapi/openapi-document.ts";
import type { Page, ServeAnswer } from "./serve-answer.ts";
import { type ServeRest, unreadable } from "./serve-rest.ts";

/** Creates the express app for all routes without events and without the status: they are rarely requested. */
export function createExpressApp(options: {
  openApi: OpenApiDocument;
  /** Of the console; undefined: there is none. */
  queryUrl: string | undefined;
  serveAnswer: ServeAnswer;
  log: Log;
}): ServeRest {
  const { serveAnswer, log } = options;

  const answers =
    (answerOf: (request: Request) => Answer | Page) => (request: Request, response: Response) =>
      serveAnswer("other", { request, response }, () => answerOf(request));

  const app = express().disable("x-powered-by").disable("etag");
  // Exact paths: a POST to /api/push/ gets 404, not 405.
  app.enable("case sensitive routing").enable("strict routing");
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
  for (const [path, make] of Object.entries(pages)) app.get(path, answers(madeOnUse(make)));
  if (options.queryUrl !== undefined) {
    app.all([...QUESTION_PATHS], answers(redirectTo(options.queryUrl)));
  }
  for (const [path, methods] of Object.entries(METHODS)) {
    app.all(path, answers(otherMethod(methods)));
  }
  app.use(answers(noSuchRoute));
  // Without these, express would answer unreadable targets and failures in its own format.
  const targetUnreadable = answers(unreadable);
  const failed = answers(() => {
    throw new Refusal("INTERNAL_ERROR", "the gateway failed: report this");
  });
  return (incoming, outgoing) => {
    const [request, response] = [incoming as Request, outgoing as Response];
    app(request, response, (error: unknown) => {
      if (error === undefined || error === null) return targetUnreadable(request, response);
      log.error({ reason: messageOf(error), err: error }, "unhandled error in request");
      failed(request, response);
    });
  };
}

/**
 * Makes the page at the first request: a gateway that nobody asks for it does not use 200 KB of memory. The page is a
 * buffer, which all connections share; with a string each slow connection would hold a copy.
 */
function madeOnUse(make: () => Answer): () => Page {
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

/** The page itself has a policy that allows its one script, also if it is opened as a file. */
const HAS_ITS_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const htmlAnswer = (body: string, policy: string): Answer => ({
  status: 200,
  contentType: "text/html; charset=utf-8",
  headers: { "Content-Security-Policy": policy },
  body,
});

const otherMethod = (methods: string) => (request: Request) => {
  throw new Refusal(...wrongMethod(methods, request));
};

/** Paths of questions, which the console answers. */
const QUESTION_PATHS = [
  "/api/metrics",
  "/api/metrics/aggregated",
  "/api/metrics/cluster",
  "/api/nodes",
  "/api/nodes/:node_id",
] as const;

/** 307 keeps the method and the body. */
const redirectTo =
  (queryUrl: string) =>
  ({ originalUrl }: Request): Answer => {
    const { pathname, search } = new URL(originalUrl, "http://gateway");
    const location = new URL(pathname + search, queryUrl).href;
    return { ...jsonAnswer(307, { location }), headers: { Location: location } };
  };

const noSuchRoute = (): never => {
  const routes = Object.keys(METHODS).join(", ");
  throw new Refusal("NOT_FOUND", `no such route; the routes are ${routes}`);
};
