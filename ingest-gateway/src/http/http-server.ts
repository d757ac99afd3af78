import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { Server as HttpsServer } from "node:https";
import { listen } from "@fiberstream/runtime/listen";
import type { Log } from "@fiberstream/runtime/log";
import { createServer } from "@fiberstream/runtime/node-http";
import type { AddressRate } from "../admission/address-rate.ts";
import { answerClientError } from "../connections/client-error.ts";
import { createConnectionAges } from "../connections/connection-ages.ts";
import { createConnectionWatch, evictedAtOnce } from "../connections/connection-watch.ts";
import { servePipelined } from "../connections/pipelining.ts";
import { certificateEndMs, readTlsFiles, reloadTls, type TlsFiles } from "../connections/tls.ts";
import { boundPieces } from "@fiberstream/http/bound-pieces";
import type { EventRoute } from "./call.ts";
import type { ApplyCors } from "./cors.ts";
import { pathOf } from "./request-path.ts";
import type { ServeEvents } from "./serve-events.ts";
import type { ServeRest } from "./serve-rest.ts";

export type HttpServer = { readonly port: number; close: () => Promise<void> };

/** Requests with events go around express: 67 us each against 325 us through it and its JSON parser. */
const EVENT_ROUTES: ReadonlyMap<string | undefined, EventRoute> = new Map([
  ["/api/push", "push"],
  ["/api/ingest", "ingest"],
]);

/**
 * Starts the public port.
 *
 * @param options.tls undefined for plain HTTP
 * @param options.observeCertificateEnd receives when the certificate in use expires, ms since 1970
 * @param options.requestTimeoutMs for the whole request with its body; also for receiving its answer
 * @param options.connectionMaxAgeMs after which a connection is closed with its next answer
 * @param options.mayShakeHands whether an address may begin a further TLS handshake
 * @param options.onDropped called for each connection that is closed at once: above `maxConnections`, when no other
 *   connection could be closed, or by `mayShakeHands`
 * @param options.keepAliveTimeoutMs longer than the idle timeout of load balancers (mostly 60 s)
 * @param options.drainMaxWaitMs after which a stop cuts connections whose requests are not answered; none of their
 *   events was accepted
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
  mayShakeHands: AddressRate;
  onDropped: () => void;
  drainMaxWaitMs: number;
  applyCors: ApplyCors | undefined;
  serveEvents: ServeEvents;
  serveRest: ServeRest;
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
    // Node gives a response its connection when those before it have ended.
    boundPieces(request, { isWaiting: () => response.socket === null });
    lastOf.set(request.socket, { request, response });
    serveInTurn(request, response);
  };
  const limits = {
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    // How often Node checks for timed out requests; its default of 30 s would make a 10 s limit 40 s.
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
    const onLoaded = (cert: Buffer) => options.observeCertificateEnd(certificateEndMs(cert));
    onLoaded(pair.cert);
    endReloads = reloadTls(secured, tls, { onLoaded, log });
    server = secured;
  }
  // Somewhat above the limit: idle connections are closed only after a new one has arrived, and closing takes a moment.
  server.maxConnections = options.maxConnections + evictedAtOnce(options.maxConnections);
  server.on("drop", options.onDropped);
  const drop = (connection: Socket) => {
    connection.destroy();
    options.onDropped();
  };
  const open = (connection: Socket) => {
    if (!watch.opened(connection)) drop(connection);
  };
  server.on("connection", (connection: Socket) => {
    // A handshake costs more CPU than any request that is refused.
    if (tls === undefined || options.mayShakeHands(connection.remoteAddress)) open(connection);
    else drop(connection);
  });
  if (tls !== undefined) server.on("secureConnection", open);
  // The size of headers is bounded (16 KB). With a maximum count Node would drop the rest silently.
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
