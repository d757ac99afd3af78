import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { lastAnswer, parserFault } from "@fiberstream/http/raw-answer";
import { problemAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";

/** How long the connection stays open after the answer: if it is cut while the sender still sends, the answer is lost. */
const LINGER_MS = 500;
const answered = new WeakSet<Duplex>();

/**
 * Answers on the connection itself, then closes it, because there is no request object. A complete request before the
 * error gets its own answer first.
 *
 * @param last the connection's last request; the error may be in the rest of its body
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined,
): void {
  // What the sender sends after the error is an error again.
  if (answered.has(socket)) return;
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  answered.add(socket);
  if (last === undefined || (last.request.complete && last.response.closed))
    sendProblem(error, socket);
  else if (last.request.complete) last.response.once("close", () => sendProblem(error, socket));
  // It has an answer already.
  else if (last.response.writableEnded) closeAfterLinger(socket);
  else sendProblem(error, socket);
}

function sendProblem(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { code, detail } = parserFault(error);
  const requestId = randomUUID();
  closeAfterLinger(
    socket,
    lastAnswer(problemAnswer(new Refusal(code, detail), requestId), requestId),
  );
}

function closeAfterLinger(socket: Duplex, lastBytes = ""): void {
  if (socket.writable) socket.end(lastBytes);
  // A sender that does not close its side would keep the memory of its request in use.
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(cut));
}
