import { HTTPS_ONLY } from "@fiberstream/http/browser-headers";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "../answers/answer.ts";
import { isBodyAwaited } from "./expectation.ts";

/**
 * Writes an answer whole. If the body was not read to its end, Node drops the rest of it and the connection stays open,
 * except where the sender still waits to be asked for the body, and where the body is chunked: Node's parser calls back for
 * each chunk, so that the rest of 2 MB in one-byte chunks costs 0.4 s of CPU (hostile-load.test.ts).
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
    "X-Content-Type-Options",
    "nosniff",
  ];
  if ("encrypted" in request.socket) headers.push("Strict-Transport-Security", HTTPS_ONLY);
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers.push(name, value);
  const isCut =
    !request.complete && (request.headers["transfer-encoding"] !== undefined || closes(answer));
  if (options.isLast || isBodyAwaited(request) || (isCut && !closes(answer))) {
    headers.push("Connection", "close");
  }
  response.writeHead(answer.status, headers);
  response.end(answer.body, isCut ? () => request.socket.destroy() : undefined);
}

const closes = ({ headers }: Pick<Answer, "headers">) => headers?.["Connection"] === "close";
