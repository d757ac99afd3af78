import type { Socket } from "node:net";
import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";

export type StallWatch = {
  /**
   * Whether the sender of a request still waits for its answer. After a stall this looks at the connection
   * only when what has come for it meanwhile is read: its end stands behind the request.
   */
  readonly isStillThere: (connection: Pick<Socket, "writable">) => Promise<boolean> | boolean;
  readonly end: () => void;
};

const TICK_MS = 250;
/** Shorter than the patience of a sender. */
const STALLED_MS = 1_000;
/** In which what waited in the sockets comes in. */
const AFTERWARDS_MS = 2_000;

/**
 * Notices that the process stood still (SIGSTOP, a virtual machine that was paused). What waits in its sockets
 * then may be of senders that gave up long ago and were answered by another gateway: taken in now, it would come
 * into raw a second time, behind any number of later events of its node.
 */
export function createStallWatch(
  nowMs: () => number = performance.now.bind(performance),
): StallWatch {
  let tickedAtMs = nowMs();
  let overAtMs = Number.NEGATIVE_INFINITY;

  const look = () => {
    const now = nowMs();
    if (now - tickedAtMs > STALLED_MS) overAtMs = now;
    tickedAtMs = now;
    return now - overAtMs < AFTERWARDS_MS;
  };

  const afterReading = async (connection: Pick<Socket, "writable">) => {
    // One turn may end before the sockets are read again, two cannot.
    await turnOfTheEventLoop();
    await turnOfTheEventLoop();
    return connection.writable;
  };

  const ticks = setInterval(look, TICK_MS).unref();
  return {
    isStillThere: (connection) => (look() ? afterReading(connection) : connection.writable),
    end: () => clearInterval(ticks),
  };
}
