import type { IncomingMessage, ServerResponse } from "node:http";
import { BROWSER_HEADERS } from "@fiberstream/http/browser-headers";
import { type Answer, type StreamedAnswer, taggedAnswer } from "../answers/answer.ts";

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
  const { status, contentType } = answer;
  const isHead = request.method === "HEAD";
  const isTagged = status === 200 && (request.method === "GET" || isHead);
  const { body, headers: ofAnswer } =
    isTagged && answer.headers?.["ETag"] === undefined ? taggedAnswer(answer) : answer;
  // Node would read the rest of a body to nowhere, which in small chunks is much work.
  const isUnread =
    !request.complete &&
    (request.headers["transfer-encoding"] !== undefined ||
      (request.headers["content-length"] ?? "0") !== "0");
  // Who shows no key holds no connection either.
  const isUnauthenticated = status === 401;
  const headers: Record<string, string | string[]> = {
    "X-Request-ID": options.requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...BROWSER_HEADERS,
    ...((options.isLast || isUnread || isUnauthenticated) && { Connection: "close" }),
    ...(isTagged && { "Cache-Control": "private, no-cache" }),
    ...ofAnswer,
    ...(answer.cookies !== undefined && { "Set-Cookie": [...answer.cookies] }),
  };
  if (isTagged && matches(request.headers["if-none-match"], ofAnswer?.["ETag"] ?? "")) {
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

/** An asker that takes less than this of a streamed answer within `answerMaxMs` does not read it. */
const MIN_BYTES_READ = 262_144;

/**
 * Writes an answer while it is read. If it fails, the connection is closed before the answer's end, which the asker sees.
 * @param options.answerMaxMs within which an asker that keeps the answer waiting has to take `MIN_BYTES_READ`
 * @throws what the answer throws, after that
 */
export async function writeStream(
  response: ServerResponse,
  { status, contentType, headers, stream }: StreamedAnswer,
  { requestId, answerMaxMs }: { requestId: string; answerMaxMs: number },
): Promise<void> {
  response.writeHead(status, {
    "X-Request-ID": requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...BROWSER_HEADERS,
    "Content-Type": contentType,
    // A proxy that collects the answer first would keep all of it in memory.
    "X-Accel-Buffering": "no",
    ...headers,
  });
  const watch = cutUnread(response, answerMaxMs);
  try {
    await stream(response);
  } catch (error) {
    response.destroy();
    throw error;
  } finally {
    clearInterval(watch);
  }
}

/** An export that nobody reads would hold its snapshot of the database, and its turn, until EXPORT_TIMEOUT_MS. */
function cutUnread(response: ServerResponse, everyMs: number): NodeJS.Timeout {
  let takenBefore = 0;
  return setInterval(() => {
    const { socket } = response;
    if (socket === null) return;
    const taken = socket.bytesWritten - socket.writableLength;
    if (response.writableNeedDrain && taken - takenBefore < MIN_BYTES_READ) response.destroy();
    takenBefore = taken;
  }, everyMs);
}

/** How long a connection on which nobody has shown a key is kept for its next request. */
export const UNKNOWN_KEEP_ALIVE_MS = 5_000;

/** Closes the connection when no further request comes soon; to be called before the answer is written. */
export function keepBriefly(response: ServerResponse): void {
  response.setHeader("Keep-Alive", `timeout=${UNKNOWN_KEEP_ALIVE_MS / 1_000}`);
  const { socket } = response;
  // After Node's own listener, which sets the timeout of the server.
  response.once("finish", () => socket?.setTimeout(UNKNOWN_KEEP_ALIVE_MS));
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
const matches = (given: string | undefined, etag: string): boolean =>
  given !== undefined &&
  given.split(",").some((item) => item.trim() === "*" || item.trim().replace(/^W\//, "") === etag);
