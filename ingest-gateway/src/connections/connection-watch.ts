import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Watches that no connection keeps its place for nothing. */
export type ConnectionWatch = {
  /** @returns whether there is room for it: else it is to be closed */
  readonly opened: (connection: Socket) => boolean;
  /** Its next request is being answered. */
  readonly begun: (connection: Socket, response: ServerResponse) => void;
  readonly end: () => void;
};

/** How often connections are looked at. 10,000 take about a millisecond. */
const LOOK_MS = 1_000;
/** So many make room at once, so that a flood of new ones does not cost a search each. */
export const roomFor = (maxConnections: number): number => Math.ceil(maxConnections / 100);

/** What a connection's sender does: nothing that is a request; it waits for us; it has an answer to take. */
type Phase = "idle" | "served" | "answered";

type Watched = {
  readonly address: string;
  connection: Socket;
  response: ServerResponse | undefined;
  phase: Phase;
  /** For how many looks it has been in this phase. Counted and not timed: while the process stands still nobody is slow. */
  looks: number;
};

/**
 * Node's own limits begin with a request's first byte: a sender that writes an empty line now and then, or never takes its
 * answer, would keep its connection for good.
 *
 * When all places are taken, those that have waited longest without a request of theirs under way make room, of the
 * address that has most connections: one address cannot keep all others out.
 *
 * @param options.idleMaxMs without a request
 * @param options.answerMaxMs from the end of an answer until it is taken
 */
export function createConnectionWatch(options: {
  maxConnections: number;
  idleMaxMs: number;
  answerMaxMs: number;
}): ConnectionWatch {
  const { maxConnections, idleMaxMs, answerMaxMs } = options;
  const maxLooks: Record<Phase, number> = {
    idle: Math.ceil(idleMaxMs / LOOK_MS),
    served: Infinity,
    answered: Math.ceil(answerMaxMs / LOOK_MS),
  };
  const all = new Map<string, Watched>();

  const look = () => {
    for (const watched of all.values()) {
      const phase = phaseOf(watched.response);
      watched.looks = phase === watched.phase ? watched.looks + 1 : 0;
      watched.phase = phase;
      if (watched.looks > maxLooks[phase]) watched.connection.destroy();
    }
  };
  const looks = setInterval(look, LOOK_MS).unref();

  /** @returns whether there is some */
  const makeRoom = (): boolean => {
    const address = mostFrequent(all.values());
    const waiting = [...all.values()].filter(
      (one) => one.address === address && one.looks > 1 && phaseOf(one.response) !== "served",
    );
    waiting.sort((one, other) => other.looks - one.looks);
    const leaving = waiting.slice(0, roomFor(maxConnections));
    for (const { connection } of leaving) {
      all.delete(nameOf(connection));
      connection.destroy();
    }
    return leaving.length > 0;
  };

  return {
    opened: (connection) => {
      const { remoteAddress: address } = connection;
      // It has gone already.
      if (address === undefined) return true;
      const name = nameOf(connection);
      const known = all.get(name);
      if (known !== undefined) {
        known.connection = connection;
        return true;
      }
      if (all.size >= maxConnections && !makeRoom()) return false;
      const watched: Watched = {
        address,
        connection,
        response: undefined,
        phase: "idle",
        looks: 0,
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
      watched.looks = 0;
    },
    end: () => clearInterval(looks),
  };
}

/** The same before and after the TLS handshake, which has a connection of its own. */
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
