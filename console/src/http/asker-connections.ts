import type { Socket } from "node:net";
import { AskerGone } from "../answers/asker-gone.ts";

/** Why a connection was closed although its asker might have used it again. */
export const CLOSED_WHY = ["full", "unknown"] as const;
export type ClosedWhy = (typeof CLOSED_WHY)[number];

export type AskerConnections = {
  /** Closes this connection, or another one, if there are too many. */
  readonly opened: (connection: Socket) => void;
  /** Returns a signal that is aborted when the connection closes: one for all of its requests. */
  readonly gone: (connection: Socket) => AbortSignal;
  /** Records that the asker has shown a key, or needs none. */
  readonly admitted: (connection: Socket) => void;
  readonly isAdmitted: (connection: Socket) => boolean;
};

/**
 * Watches the connections of the public port, of which there are at most `maxConnections`. A further one takes the place of the
 * oldest on which nobody has shown a key yet: whoever opens many and asks nothing, or only for pages that need no key, keeps
 * nobody with a key out. If there is none of those, the new one is closed.
 */
export function createAskerConnections(options: {
  maxConnections: number;
  countClosed: (why: ClosedWhy) => void;
}): AskerConnections {
  const { maxConnections, countClosed } = options;
  const open = new Set<Socket>();
  /** In the order in which they were opened. */
  const unknown = new Set<Socket>();
  const left = new WeakMap<Socket, AbortController>();

  const goneOf = (connection: Socket): AbortController => {
    const known = left.get(connection);
    if (known !== undefined) return known;
    const gone = new AbortController();
    left.set(connection, gone);
    const leave = () => gone.abort(new AskerGone());
    if (connection.destroyed) leave();
    else connection.once("close", leave);
    return gone;
  };

  const forget = (connection: Socket) => {
    open.delete(connection);
    unknown.delete(connection);
  };

  return {
    opened: (connection) => {
      open.add(connection);
      unknown.add(connection);
      connection.once("close", () => forget(connection));
      if (open.size <= maxConnections) return;
      const [oldest = connection] = unknown;
      forget(oldest);
      oldest.destroy();
      countClosed(oldest === connection ? "full" : "unknown");
    },
    gone: (connection) => goneOf(connection).signal,
    admitted: (connection) => void unknown.delete(connection),
    isAdmitted: (connection) => !unknown.has(connection),
  };
}
