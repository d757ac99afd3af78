import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** So many requests nobody writes ahead; each that waits is held. */
const MAX_WAITING = 100;
/** On all connections together, but for the first of each: with their headers and bodies they are 2 to 80 KB each. */
const MAX_WAITING_TOGETHER = 1_000;

/**
 * Serves a connection's pipelined requests one after the other (RFC 9112, 9.3.2). Node begins them
 * as they are read and puts only the responses into order, so that an event could overtake an earlier one of
 * its node while that is unpacked or its key is looked up.
 *
 * Requests that still wait when their connection is cut are never begun.
 */
export function servePipelined(serve: Serve): Serve {
  const lines = new WeakMap<Socket, Line>();
  /** But for the first of each connection. */
  let waitingTogether = 0;

  const lineOf = (socket: Socket, response: ServerResponse): Line => {
    const line: Line = { last: response, waiting: 0 };
    lines.set(socket, line);
    // Not every response that waits is told that its connection has gone.
    socket.once("close", () => {
      waitingTogether -= Math.max(0, line.waiting - 1);
      line.waiting = 0;
    });
    return line;
  };

  return (request, response) => {
    const { socket } = request;
    const line = lines.get(socket) ?? lineOf(socket, response);
    const before = line.last;
    if (before === response || before.closed) {
      line.last = response;
      serve(request, response);
      return;
    }
    const isTooMany =
      line.waiting === MAX_WAITING ||
      (line.waiting > 0 && waitingTogether === MAX_WAITING_TOGETHER);
    if (isTooMany) {
      socket.destroy();
      return;
    }
    line.last = response;
    if (++line.waiting > 1) waitingTogether++;
    before.once("close", () => {
      if (!socket.writable) return;
      if (line.waiting-- > 1) waitingTogether--;
      serve(request, response);
    });
  };
}

/** The requests of one connection: the last that was read, and how many wait. */
type Line = { last: ServerResponse; waiting: number };
