import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { STATUS_CODES } from "@fiberstream/runtime/node-http";
import { problemAnswer } from "../answers/answer.ts";
import type { Code } from "../answers/codes.ts";
import { Refusal } from "../answers/refusal.ts";

/** What Node reports of a request that never becomes one. */
const CODES_OF_NODE: ReadonlyMap<string, readonly [Code, string]> = new Map([
  ["ERR_HTTP_REQUEST_TIMEOUT", ["REQUEST_TIMEOUT", "the request did not arrive in time"]],
  ["HPE_HEADER_OVERFLOW", ["HEADERS_TOO_LARGE", "the headers must be at most 16 KB together"]],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", ["PAYLOAD_TOO_LARGE", "chunk extensions are too large"]],
]);

/** Who sends on while it is being refused is heard for so long: a connection that is cut loses its answer. */
const LINGER_MS = 500;
const answered = new WeakSet<Duplex>();

/**
 * Answers on the bare connection, then closes it: there is no request to answer to. A request before, which is whole, gets
 * its own answer first.
 *
 * @param last the connection's last request, which the error may be of, too: of the rest of its body
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined,
): void {
  // What a refused sender sends on is an error again.
  if (answered.has(socket)) return;
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  answered.add(socket);
  if (last === undefined || (last.request.complete && last.response.closed)) say(error, socket);
  else if (last.request.complete) last.response.once("close", () => say(error, socket));
  // Its answer has been given, and one is enough.
  else if (last.response.writableEnded) closeSoon(socket);
  else say(error, socket);
}

function say(error: NodeJS.ErrnoException, socket: Duplex): void {
  const [code, detail] = CODES_OF_NODE.get(error.code ?? "") ?? [
    "MALFORMED_HTTP",
    "the request must be HTTP/1.1",
  ];
  const requestId = randomUUID();
  const { status, contentType, body } = problemAnswer(new Refusal(code, detail), requestId);
  closeSoon(
    socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
      `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Request-ID: ${requestId}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function closeSoon(socket: Duplex, lastWords = ""): void {
  if (socket.writable) socket.end(lastWords);
  // A sender that keeps its half open would keep its request's room, too.
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(cut));
}
