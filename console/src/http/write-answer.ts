import { hash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, StreamedAnswer } from "../answers/answer.ts";

/**
 * Writes an answer whole. A successful answer to GET has a strong ETag: whoever has it already (If-None-Match) gets 304.
 *
 * @param options.isLast closes the connection after this answer, because the console stops
 * @param options.answerMaxMs after which the connection is closed if the asker has not received all of it: until then the
 *   answer takes memory
 * @returns the status that was written
 */
export function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  options: { requestId: string; isLast: boolean; answerMaxMs: number },
): number {
  const { status, contentType, body } = answer;
  const isHead = request.method === "HEAD";
  const isTagged = status === 200 && (request.method === "GET" || isHead);
  // Node would read the rest of a body to nowhere, which in small chunks is much work.
  const isUnread =
    !request.complete &&
    (request.headers["transfer-encoding"] !== undefined ||
      (request.headers["content-length"] ?? "0") !== "0");
  // Who shows no key holds no connection either.
  const isUnauthenticated = status === 401;
  const etag = isTagged ? etagOf(body) : "";
  const headers: Record<string, string | string[]> = {
    "X-Request-ID": options.requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...((options.isLast || isUnread || isUnauthenticated) && { Connection: "close" }),
    ...(isTagged && { ETag: etag, "Cache-Control": "private, no-cache" }),
    ...answer.headers,
    ...(answer.cookies !== undefined && { "Set-Cookie": [...answer.cookies] }),
  };
  if (isTagged && matches(request.headers["if-none-match"], etag)) {
    response.writeHead(304, headers).end();
    return 304;
  }
  headers["Content-Type"] = contentType;
  headers["Content-Length"] = String(Buffer.byteLength(body));
  response
    .writeHead(status, headers)
    .end(isHead ? undefined : body, isUnread ? () => request.socket.destroySoon() : undefined);
  const cut = setTimeout(() => response.destroy(), options.answerMaxMs);
  response.once("close", () => clearTimeout(cut));
  return status;
}

/**
 * Writes an answer while it is read. If it fails, the connection is closed before the answer's end, which the asker sees.
 * @throws what the answer throws, after that
 */
export async function writeStream(
  response: ServerResponse,
  { status, contentType, headers, stream }: StreamedAnswer,
  { requestId }: { requestId: string },
): Promise<void> {
  response.writeHead(status, {
    "X-Request-ID": requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": contentType,
    // A proxy that collects the answer first would keep all of it in memory.
    "X-Accel-Buffering": "no",
    ...headers,
  });
  try {
    await stream(response);
  } catch (error) {
    response.destroy();
    throw error;
  }
}

const etagOf = (body: string | Buffer): string =>
  `"${hash("sha256", body, "base64url").slice(0, 27)}"`;

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
const matches = (given: string | undefined, etag: string): boolean =>
  given !== undefined &&
  given.split(",").some((item) => item.trim() === "*" || item.trim().replace(/^W\//, "") === etag);
