import type { Socket } from "node:net";
import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";

export type StallWatch = {
  /**
   * Returns whether the sender of a request is still connected. After a stall it first waits until the data that has
   * arrived meanwhile is read, because the end of the connection follows the request.
   */
  readonly isStillThere: (connection: Pick<Socket, "writable">) => Promise<boolean> | boolean;
  readonly end: () => void;
};

const TICK_MS = 250;
/** Shorter than the timeout of a sender. */
const STALLED_MS = 1_000;
/** How long after a stall the data that waited in sockets may still arrive. */
const AFTER_STALL_MS = 2_000;

/**
 * Notices that the process was paused (SIGSTOP, a paused virtual machine). The data in its sockets may be from senders
 * that gave up long ago and sent to another gateway. If it were accepted now, its events would be written to raw a second
 * time, after any number of later events of their node.
 */
export function createStallWatch(
  nowMs: () => number = performance.now.bind(performance),
): StallWatch {
  let tickedAtMs = nowMs();
  let overAtMs = Number.NEGATIVE_INFINITY;

  const isAfterStall = () => {
    const now = nowMs();
    if (now - tickedAtMs > STALLED_MS) overAtMs = now;
    tickedAtMs = now;
    return now - overAtMs < AFTER_STALL_MS;
  };

  const afterReading = async (connection: Pick<Socket, "writable">) => {
    // One turn of the event loop may end before the sockets are read, two cannot.
    await turnOfTheEventLoop();
    await turnOfTheEventLoop();
    return connection.writable;
  };

  const ticks = setInterval(isAfterStall, TICK_MS).unref();
  return {
    isStillThere: (connection) => (isAfterStall() ? afterReading(connection) : connection.writable),
    end: () => clearInterval(ticks),
  };
}
