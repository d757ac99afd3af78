import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** More pipelined requests than any real sender has waiting; each one holds memory. */
const MAX_WAITING = 100;
/**
 * Waiting requests of all connections together, without the first of each. Each holds headers and up to 64 KB of its body,
 * in at most 1,088 pieces (packages/http/src/bound-pieces.ts).
 */
const MAX_WAITING_TOGETHER = 1_000;

/**
 * Serves a connection's pipelined requests one after the other (RFC 9112, 9.3.2). Node starts them as they are read and
 * only orders the responses, so that an event could overtake an earlier one of its node while that one is decompressed
 * or its key is looked up.
 *
 * Requests that are still waiting when their connection is closed are not served.
 */
export function servePipelined(serve: Serve): Serve {
  const queues = new WeakMap<Socket, Queue>();
  /** Without the first of each connection. */
  let waitingTogether = 0;

  const queueOf = (socket: Socket, response: ServerResponse): Queue => {
    const queue: Queue = { last: response, waiting: 0 };
    queues.set(socket, queue);
    // Not every waiting response emits "close" when its connection is closed.
    socket.once("close", () => {
      waitingTogether -= Math.max(0, queue.waiting - 1);
      queue.waiting = 0;
    });
    return queue;
  };

  return (request, response) => {
    const { socket } = request;
    const queue = queues.get(socket) ?? queueOf(socket, response);
    const before = queue.last;
    if (before === response || before.closed) {
      queue.last = response;
      serve(request, response);
      return;
    }
    const isTooMany =
      queue.waiting === MAX_WAITING ||
      (queue.waiting > 0 && waitingTogether === MAX_WAITING_TOGETHER);
    if (isTooMany) {
      socket.destroy();
      return;
    }
    queue.last = response;
    if (++queue.waiting > 1) waitingTogether++;
    before.once("close", () => {
      if (!socket.writable) return;
      if (queue.waiting-- > 1) waitingTogether--;
      serve(request, response);
    });
  };
}

/** The requests of one connection: the last that was read, and how many wait. */
type Queue = { last: ServerResponse; waiting: number };
