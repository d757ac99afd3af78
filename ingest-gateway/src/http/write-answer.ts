import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "../answers/answer.ts";
import { LIMITS } from "../answers/limits.ts";
import { isBodyAwaited } from "./expectation.ts";

/**
 * Writes a whole answer. If the request's body was not read to its end, Node drops the rest and the connection stays
 * open, except if the sender still waits for "100 Continue".
 *
 * @param options.isLast closes the connection after this answer, because the gateway stops
 */
export function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Omit<Answer, "body"> & { readonly body: string | Buffer },
  options: { requestId: string; isLast: boolean },
): void {
  const headers = [
    "Content-Type",
    answer.contentType,
    "Content-Length",
    String(Buffer.byteLength(answer.body)),
    "X-Request-ID",
    options.requestId,
  ];
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers.push(name, value);
  if (options.isLast || isBodyAwaited(request)) headers.push("Connection", "close");
  response.writeHead(answer.status, headers).end(answer.body);
}

/** Returns the sender's X-Request-ID if it is fit for a header and a log line, otherwise a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  const isUsable =
    typeof given === "string" &&
    given.length <= LIMITS.requestIdCharacters &&
    /^[\x21-\x7e]+$/.test(given);
  return isUsable ? given : randomUUID();
}
