import { once } from "node:events";
import { createServer } from "@fiberstream/runtime/node-http";
import type { AddressInfo } from "node:net";
import { closeServer } from "@fiberstream/runtime/admin-server";

export type LoopbackAnswer = {
  /** To which the console leads the browser back. */
  readonly port: number;
  /** Resolves with the one-time code. */
  readonly code: Promise<string>;
  readonly close: () => Promise<void>;
};

const DONE = "You are signed in. You can close this page and return to the terminal.\n";

/**
 * Listens on 127.0.0.1 for the browser that the console leads back with a one-time code (RFC 8252, 7.3).
 * @param state only an answer with it counts: other pages of the browser can send requests here, too
 */
export async function awaitLoopbackAnswer(state: string): Promise<LoopbackAnswer> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const code = searchParams.get("code");
    const isAnswer =
      request.method === "GET" && pathname === "/" && searchParams.get("state") === state;
    response
      .setHeader("content-type", "text/plain; charset=utf-8")
      .setHeader("connection", "close");
    if (!isAnswer || code === null) {
      response.writeHead(404).end("This is not the answer that fiber login waits for.\n");
      return;
    }
    response.writeHead(200, { "cache-control": "no-store" }).end(DONE, () => resolve(code));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    code: promise,
    close: () => closeServer(server),
  };
}
