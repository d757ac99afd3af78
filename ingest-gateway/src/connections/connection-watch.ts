import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { networkOf } from "./sender-network.ts";

/** Closes connections that are idle or too slow. */
export type ConnectionWatch = {
  /** @returns whether the connection is accepted; otherwise the caller has to close it */
  readonly opened: (connection: Connection) => boolean;
  /** Records that the connection's next request is being served. */
  readonly begun: (connection: Connection, response: ServerResponse) => void;
  readonly end: () => void;
};

/** A TCP connection, or the TLS connection on it. */
type Connection = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort"> & {
  readonly destroy: () => unknown;
  readonly once: (event: "close", listener: () => void) => unknown;
};

/** How often connections are checked. Checking 10,000 takes about a millisecond. */
const CHECK_MS = 1_000;
/** How many are closed at once, so that a flood of new connections does not cost a search for each. */
export const evictedAtOnce = (maxConnections: number): number => Math.ceil(maxConnections / 100);

/** idle: no request; served: the gateway handles a request; answered: the sender has to receive the answer. */
type Phase = "idle" | "served" | "answered";

type Watched = {
  readonly name: string;
  readonly network: string;
  connection: Connection;
  response: ServerResponse | undefined;
  phase: Phase;
  /** For how many checks it has been in this phase. Counted, not timed: while this process is paused nobody is slow. */
  checks: number;
};

/**
 * Watches connections beyond Node's own limits, which begin with a request's first byte: a sender that writes an empty
 * line now and then, or never receives its answer, would keep its connection open for ever.
 *
 * At `maxConnections`, the connections without a request that have waited longest are closed, of the address (of IPv6 the
 * /64) with the most of those, so that one address cannot exclude all others.
 *
 * @param options.idleMaxMs maximum time without a request
 * @param options.answerMaxMs maximum time from the end of an answer until the sender has received it
 */
export function createConnectionWatch(options: {
  maxConnections: number;
  idleMaxMs: number;
  answerMaxMs: number;
}): ConnectionWatch {
  const { maxConnections, idleMaxMs, answerMaxMs } = options;
  const maxChecks: Record<Phase, number> = {
    idle: Math.ceil(idleMaxMs / CHECK_MS),
    served: Infinity,
    answered: Math.ceil(answerMaxMs / CHECK_MS),
  };
  const all = new Map<string, Watched>();
  /** No connection could be closed at the last search, and none waits longer than then: with 10,000 a search takes 0.4 ms. */
  let hasNoRoom = false;

  const check = () => {
    hasNoRoom = false;
    for (const watched of all.values()) {
      const phase = phaseOf(watched.response);
      watched.checks = phase === watched.phase ? watched.checks + 1 : 0;
      watched.phase = phase;
      if (watched.checks > maxChecks[phase]) watched.connection.destroy();
    }
  };
  const timer = setInterval(check, CHECK_MS).unref();

  /** Does nothing if another connection has the same name by now. */
  const remove = (watched: Watched) => {
    if (all.get(watched.name) === watched) all.delete(watched.name);
  };

  const watchUntilClosed = (watched: Watched, connection: Connection) => {
    watched.connection = connection;
    connection.once("close", () => {
      if (watched.connection === connection) remove(watched);
    });
  };

  /** @returns whether connections were closed */
  const evict = (): boolean => {
    if (hasNoRoom) return false;
    const waiting = [...all.values()].filter(isWaiting);
    const network = mostFrequent(waiting);
    const evicted = waiting
      .filter((watched) => watched.network === network)
      .toSorted((a, b) => b.checks - a.checks)
      .slice(0, evictedAtOnce(maxConnections));
    for (const watched of evicted) {
      remove(watched);
      watched.connection.destroy();
    }
    hasNoRoom = evicted.length === 0;
    return !hasNoRoom;
  };

  return {
    opened: (connection) => {
      const { remoteAddress } = connection;
      // It is closed already.
      if (remoteAddress === undefined) return true;
      const name = nameOf(connection);
      const known = all.get(name);
      if (known !== undefined && "encrypted" in connection) {
        watchUntilClosed(known, connection);
        return true;
      }
      // A known connection of this name was reset: its sender uses the port again, and its close event is still to come.
      if (known !== undefined) remove(known);
      if (all.size >= maxConnections && !evict()) return false;
      const watched: Watched = {
        name,
        network: networkOf(remoteAddress),
        connection,
        response: undefined,
        phase: "idle",
        checks: 0,
      };
      all.set(name, watched);
      watchUntilClosed(watched, connection);
      return true;
    },
    begun: (connection, response) => {
      const watched = all.get(nameOf(connection));
      if (watched === undefined) return;
      watched.response = response;
      watched.phase = "served";
      watched.checks = 0;
    },
    end: () => clearInterval(timer),
  };
}

/** The same name for the TCP connection and for the TLS connection on it. */
const nameOf = ({ remoteAddress, remotePort, localAddress, localPort }: Connection): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

function phaseOf(response: ServerResponse | undefined): Phase {
  if (response === undefined || response.closed) return "idle";
  return response.writableEnded ? "answered" : "served";
}

/** Whether it has waited for its sender for a second or more. */
const isWaiting = ({ response, phase, checks }: Watched): boolean =>
  checks > 1 && phase !== "served" && phaseOf(response) === phase;

function mostFrequent(all: Iterable<Watched>): string | undefined {
  const counts = new Map<string, number>();
  for (const { network } of all) counts.set(network, (counts.get(network) ?? 0) + 1);
  let most: string | undefined;
  for (const [network, count] of counts) {
    if (most === undefined || count > (counts.get(most) ?? 0)) most = network;
  }
  return most;
}
