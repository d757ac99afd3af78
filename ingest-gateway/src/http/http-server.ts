import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { Server as HttpsServer } from "node:https";
import { listen } from "@fiberstream/runtime/listen";
import type { Log } from "@fiberstream/runtime/log";
import { createServer } from "@fiberstream/runtime/node-http";
import { answerClientError } from "../connections/client-error.ts";
import { createConnectionAges } from "../connections/connection-ages.ts";
import { createConnectionWatch, roomFor } from "../connections/connection-watch.ts";
import { servePipelined } from "../connections/pipelining.ts";
import { certificateEndMs, readTlsFiles, reloadTls, type TlsFiles } from "../connections/tls.ts";
import type { EventRoute } from "./call.ts";
import type { ApplyCors } from "./cors.ts";
import type { ServeEvents } from "./serve-events.ts";

export type HttpServer = { readonly port: number; close: () => Promise<void> };

/** Requests with events go around express: 67 us each against 325 us through it and its JSON parser. */
const EVENT_ROUTES: ReadonlyMap<string | undefined, EventRoute> = new Map([
  ["/api/push", "push"],
  ["/api/ingest", "ingest"],
]);

/**
 * The public port.
 *
 * @param options.tls undefined for plain HTTP
 * @param options.observeCertificateEnd told when the certificate in use ends, ms since 1970
 * @param options.requestTimeoutMs for the whole request, its body included; also until its answer is taken
 * @param options.connectionMaxAgeMs after which a connection's next answer is its last one
 * @param options.onDropped told of each connection that is closed as it comes: above `maxConnections`, and none of the
 *   others could make room
 * @param options.keepAliveTimeoutMs above what load balancers keep idle connections for (60 s mostly)
 * @param options.drainMaxWaitMs after which a stop cuts connections whose requests are not answered;
 *   no event of theirs was accepted
 */
export async function startHttpServer(options: {
  host: string;
  port: number;
  tls: TlsFiles | undefined;
  observeCertificateEnd: (endMs: number) => void;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  maxConnections: number;
  connectionMaxAgeMs: number;
  onDropped: () => void;
  drainMaxWaitMs: number;
  applyCors: ApplyCors | undefined;
  serveEvents: ServeEvents;
  serveRest: (request: IncomingMessage, response: ServerResponse) => void;
  log: Log;
}): Promise<HttpServer> {
  const { tls, applyCors, serveEvents, serveRest, log } = options;
  const isTooOld = createConnectionAges({ maxAgeMs: options.connectionMaxAgeMs });
  const watch = createConnectionWatch({
    maxConnections: options.maxConnections,
    idleMaxMs: options.keepAliveTimeoutMs + options.headersTimeoutMs,
    answerMaxMs: options.requestTimeoutMs,
  });
  const serveInTurn = servePipelined((request: IncomingMessage, response: ServerResponse) => {
    watch.begun(request.socket, response);
    if (isTooOld(request.socket)) response.shouldKeepAlive = false;
    if (applyCors?.(request, response)) return;
    const route = request.method === "POST" ? EVENT_ROUTES.get(pathOf(request)) : undefined;
    if (route === undefined) serveRest(request, response);
    else void serveEvents(route, request, response);
  });
  const lastOf = new WeakMap<Duplex, { request: IncomingMessage; response: ServerResponse }>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    lastOf.set(request.socket, { request, response });
    serveInTurn(request, response);
  };
  const limits = {
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    // How often Node looks for requests past their time; its own 30 s would make a 10 s limit 40 s.
    connectionsCheckingInterval: 1_000,
    noDelay: true,
  };
  let server: Server | HttpsServer;
  let endReloads: (() => void) | undefined;
  if (tls === undefined) server = createServer(limits, serve);
  else {
    const pair = readTlsFiles(tls);
    const secured = process
      .getBuiltinModule("node:https")
      .createServer({ ...limits, ...pair, handshakeTimeout: options.headersTimeoutMs }, serve);
    const took = (cert: Buffer) => options.observeCertificateEnd(certificateEndMs(cert));
    took(pair.cert);
    endReloads = reloadTls(secured, tls, { took, log });
    server = secured;
  }
  // Some more than are taken: who makes room is decided once one is there, and takes a moment to go.
  server.maxConnections = options.maxConnections + roomFor(options.maxConnections);
  server.on("drop", options.onDropped);
  const open = (connection: Socket) => {
    if (watch.opened(connection)) return;
    connection.destroy();
    options.onDropped();
  };
  server.on("connection", open);
  if (tls !== undefined) server.on("secureConnection", open);
  // Their size is bounded (16 KB); past a number Node would leave some out and tell nobody.
  server.maxHeadersCount = 0;
  server.on("checkContinue", serve).on("checkExpectation", serve);
  server.on("clientError", (error, connection) =>
    answerClientError(error, connection, lastOf.get(connection)),
  );
  const port = await listen(server, options);
  return {
    port,
    close: async () => {
      const closed = once(server, "close");
      endReloads?.();
      server.close();
      const cut = setTimeout(() => server.closeAllConnections(), options.drainMaxWaitMs);
      await closed;
      clearTimeout(cut);
      watch.end();
    },
  };
}

/**
 * The path that a request is for, without its query: of the usual form (`/api/push`), and of the absolute one
 * (`http://host/api/push`), which a server has to take as well (RFC 9112, section 3.2.2).
 */
function pathOf({ url = "" }: Pick<IncomingMessage, "url">): string {
  const target = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?#]*/i, "");
  const [path = ""] = target.split("?", 1);
  return path === "" ? "/" : path;
}
