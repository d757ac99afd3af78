import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { closeServer } from "@fiberstream/runtime/admin-server";
import { messageOf } from "@fiberstream/runtime/errors";
import { createServer } from "@fiberstream/runtime/node-http";
import { readOtlpSpans } from "./otlp-spans.ts";
import { renderTrace } from "./render-trace.ts";
import { createTraceCollection, type SeenTrace } from "./trace-collection.ts";

export type TraceViewer = {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT; also a page with the last traces. */
  readonly url: string;
  readonly complete: () => readonly SeenTrace[];
  readonly close: () => Promise<void>;
};

const MAX_TRACES = 100;

/**
 * Starts a trace collector for one developer. It receives spans (OTLP over HTTP, as JSON) on 127.0.0.1, calls
 * `onComplete` for each complete trace, and shows the last 100 at `/`.
 *
 * @param options.port 0: a free port
 * @param options.quietMs a trace is complete when no span of it has arrived for so long
 */
export async function startTraceViewer(options: {
  port: number;
  quietMs: number;
  onComplete: (trace: SeenTrace) => void;
}): Promise<TraceViewer> {
  const traces = createTraceCollection({ ...options, maxTraces: MAX_TRACES });

  const answerOf = async (request: IncomingMessage): Promise<Answer> => {
    switch (`${request.method} ${request.url}`) {
      case "POST /v1/traces":
        if (!request.headers["content-type"]?.startsWith("application/json")) return NOT_JSON;
        traces.add(readOtlpSpans(await bodyOf(request)));
        return { status: 200, type: "application/json", body: "{}" };
      case "GET /":
        return { status: 200, type: "text/html; charset=utf-8", body: pageOf(traces.complete()) };
      default:
        return text(404, "not found; use POST /v1/traces or GET /");
    }
  };
  const server = createServer((request, response) => {
    answerOf(request)
      .catch((error: unknown) => text(400, messageOf(error)))
      .then(({ status, type, body }) =>
        response.writeHead(status, { "content-type": type }).end(body),
      )
      .catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    complete: traces.complete,
    close: async () => {
      await closeServer(server);
      traces.close();
    },
  };
}

type Answer = { readonly status: number; readonly type: string; readonly body: string };

const text = (status: number, body: string): Answer => ({
  status,
  type: "text/plain; charset=utf-8",
  body: `${body}\n`,
});

const NOT_JSON = text(
  415,
  "this viewer accepts only JSON: set the exporter's protocol to http/json (OTEL_EXPORTER_OTLP_PROTOCOL)",
);

const bodyOf = (request: IncomingMessage): Promise<unknown> =>
  json(request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request);

function pageOf(traces: readonly SeenTrace[]): string {
  const shown = traces.toReversed().map(renderTrace).join("\n\n");
  const body = shown === "" ? "No trace has arrived yet." : shown;
  const escaped = body.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>FiberStream traces</title><style>body{background:#fff;color:#111;margin:2rem}
@media (prefers-color-scheme:dark){body{background:#111;color:#eee}}</style>
<h1>The last ${MAX_TRACES} traces</h1><pre>${escaped}</pre></html>
`;
}
