import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** So many requests nobody writes ahead; each that waits is held. */
const MAX_WAITING = 100;

/**
 * Begins a connection's next request when the one before has its answer (RFC 9112, 9.3.2). Node begins them
 * as they are read and puts only the answers into order, so that an event could overtake an earlier one of
 * its node while that is unpacked or its key is looked up.
 *
 * A connection that is cut begins none of those that wait: nobody is told what becomes of them.
 */
export function answersInTurn(serve: Serve): Serve {
  const lastOf = new WeakMap<Socket, { response: ServerResponse; waiting: number }>();
  return (request, response) => {
    const { socket } = request;
    const last = lastOf.get(socket);
    if (last === undefined || last.response.closed) {
      lastOf.set(socket, { response, waiting: 0 });
      serve(request, response);
      return;
    }
    if (last.waiting === MAX_WAITING) {
      socket.destroy();
      return;
    }
    lastOf.set(socket, { response, waiting: last.waiting + 1 });
    last.response.once("close", () => {
      const now = lastOf.get(socket);
      if (now !== undefined) now.waiting--;
      if (socket.writable) serve(request, response);
    });
  };
}
