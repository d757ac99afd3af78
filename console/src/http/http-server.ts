import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { boundPieces } from "@fiberstream/http/bound-pieces";
import { lastAnswer, parserFault } from "@fiberstream/http/raw-answer";
import { listen } from "@fiberstream/runtime/listen";
import { createServer } from "@fiberstream/runtime/node-http";
import { problemAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import type { AskerConnections } from "./asker-connections.ts";

export type HttpServer = { readonly port: number; close: () => Promise<void> };

/**
 * Starts the public port.
 * @param options.drainMaxWaitMs after which a stop cuts connections whose questions are not answered
 */
export async function startHttpServer(options: {
  host: string;
  port: number;
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  drainMaxWaitMs: number;
  connections: Pick<AskerConnections, "opened">;
  serve: (request: IncomingMessage, response: ServerResponse) => void;
}): Promise<HttpServer> {
  const server = createServer(
    {
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      // How often Node checks for timed out requests; its default of 30 s would make a 10 s limit 40 s.
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    },
    (request, response) => {
      // Node gives a response its connection when those before it have ended.
      boundPieces(request, { isWaiting: () => response.socket === null });
      options.serve(request, response);
    },
  );
  server.on("connection", options.connections.opened);
  server.on("clientError", answerClientError);
  const port = await listen(server, options);
  return {
    port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), options.drainMaxWaitMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** Answers what Node's parser rejects with a problem document, too. */
function answerClientError(error: NodeJS.ErrnoException, connection: Duplex): void {
  if (!connection.writable || error.code === "ECONNRESET") {
    connection.destroy();
    return;
  }
  const { code, detail } = parserFault(error);
  const requestId = randomUUID();
  connection.end(lastAnswer(problemAnswer(new Refusal(code, detail), requestId), requestId));
}
