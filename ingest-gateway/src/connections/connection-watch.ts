import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Closes connections that are idle or too slow. */
export type ConnectionWatch = {
  /** @returns whether the connection is accepted; otherwise the caller has to close it */
  readonly opened: (connection: Socket) => boolean;
  /** Records that the connection's next request is being served. */
  readonly begun: (connection: Socket, response: ServerResponse) => void;
  readonly end: () => void;
};

/** How often connections are checked. Checking 10,000 takes about a millisecond. */
const CHECK_MS = 1_000;
/** How many are closed at once, so that a flood of new connections does not cost a search for each. */
export const evictedAtOnce = (maxConnections: number): number => Math.ceil(maxConnections / 100);

/** idle: no request; served: the gateway handles a request; answered: the sender has to receive the answer. */
type Phase = "idle" | "served" | "answered";

type Watched = {
  readonly address: string;
  connection: Socket;
  response: ServerResponse | undefined;
  phase: Phase;
  /** For how many checks it has been in this phase. Counted, not timed: while this process is paused nobody is slow. */
  checks: number;
};

/**
 * Watches connections beyond Node's own limits, which begin with a request's first byte: a sender that writes an empty
 * line now and then, or never receives its answer, would keep its connection open for ever.
 *
 * At `maxConnections`, the connections without a request that have waited longest are closed, of the address with the
 * most connections, so that one address cannot exclude all others.
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

  const check = () => {
    for (const watched of all.values()) {
      const phase = phaseOf(watched.response);
      watched.checks = phase === watched.phase ? watched.checks + 1 : 0;
      watched.phase = phase;
      if (watched.checks > maxChecks[phase]) watched.connection.destroy();
    }
  };
  const timer = setInterval(check, CHECK_MS).unref();

  /** @returns whether connections were closed */
  const evict = (): boolean => {
    const address = mostFrequent(all.values());
    const waiting = [...all.values()].filter(
      (watched) =>
        watched.address === address && watched.checks > 1 && phaseOf(watched.response) !== "served",
    );
    waiting.sort((a, b) => b.checks - a.checks);
    const evicted = waiting.slice(0, evictedAtOnce(maxConnections));
    for (const { connection } of evicted) {
      all.delete(nameOf(connection));
      connection.destroy();
    }
    return evicted.length > 0;
  };

  return {
    opened: (connection) => {
      const { remoteAddress: address } = connection;
      // It is closed already.
      if (address === undefined) return true;
      const name = nameOf(connection);
      const known = all.get(name);
      if (known !== undefined) {
        known.connection = connection;
        return true;
      }
      if (all.size >= maxConnections && !evict()) return false;
      const watched: Watched = {
        address,
        connection,
        response: undefined,
        phase: "idle",
        checks: 0,
      };
      all.set(name, watched);
      connection.once("close", () => {
        if (all.get(name) === watched) all.delete(name);
      });
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
const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function phaseOf(response: ServerResponse | undefined): Phase {
  if (response === undefined || response.closed) return "idle";
  return response.writableEnded ? "answered" : "served";
}

function mostFrequent(all: Iterable<Watched>): string | undefined {
  const counts = new Map<string, number>();
  for (const { address } of all) counts.set(address, (counts.get(address) ?? 0) + 1);
  let most: string | undefined;
  for (const [address, count] of counts) {
    if (most === undefined || count > (counts.get(most) ?? 0)) most = address;
  }
  return most;
}
