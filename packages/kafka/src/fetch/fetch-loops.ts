import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { answerType } from "../broker/broker-answer.ts";
import {
  type BrokerAddress,
  type Connections,
  nameOf,
  pauseBeforeTry,
} from "../broker/connections.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";
import { fetchFrom } from "./fetch-from.ts";
import { createFetchSize } from "./fetch-size.ts";
import type { TopicState } from "../broker/topic-state.ts";

/** A partition's wish for its next records, as it is at this moment: what comes of it later is refused. */
export type FetchTicket = {
  readonly partition: number;
  readonly offset: bigint;
  /** Of the last batch that was fetched; -1 when there is none. */
  readonly leaderEpoch: number;
  readonly take: (fetched: FetchedBytes) => void;
  /** The broker says that the partition cannot be read from there. */
  readonly refused: (type: string) => void;
  /** Nothing has come: it may be asked for again. */
  readonly release: () => void;
};

export type FetchLoops = {
  /** Some partition has a new wish, or leaders have changed. */
  readonly wake: () => void;
  /** How long the loop that is furthest behind has not turned, ms. */
  readonly silentMs: () => number;
  readonly ended: Promise<unknown>;
};

const IDLE_WAIT_MS = 250;
/** A partition that was left out of a fetch that the broker holds back gets one of its own after this. */
const SECOND_AFTER_MS = 20;
/** A leader that has moved is known after about so long. */
const LEFT_OUT_MS = 150;

/** Not the partition's fault: who leads it has to be looked up again. */
const STALE = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "LEADER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
  "OFFSET_NOT_AVAILABLE",
  "KAFKA_STORAGE_ERROR",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
]);

/**
 * Fetches from each broker for itself: one that is slow, frozen or gone holds back the partitions that it leads and
 * no others. Each has two loops on connections of their own; the second one is for partitions that
 * come free while the broker holds the first one's fetch back.
 *
 * A fetch gathers `minBytes`, `maxWaitMs` long, while records come. After one that brought none the next one ends
 * with its first record: a record that comes alone does not wait for others.
 *
 * @param options.tickets the wishes of all partitions that a broker leads now
 * @param options.onFailing told why a broker cannot be fetched from, and undefined when it can
 */
export function startFetchLoops(options: {
  connections: Connections;
  state: TopicState;
  owned: () => readonly number[];
  ticketOf: (partition: number) => FetchTicket | undefined;
  minBytes: number;
  maxWaitMs: number;
  maxBytesPerPartition: number;
  onFailing: (broker: string, reason: string | undefined) => void;
  stopping: AbortSignal;
  log: Log;
}): FetchLoops {
  const { connections, state, stopping, log } = options;
  const loops = new Map<string, Promise<void>>();
  /** When each loop turned the last time; a loop that waits for a wish is not in it. */
  const turnedMs = new Map<string, number>();
  const leftOut = new Set<number>();
  let woken = Promise.withResolvers<void>();

  /** For a while: its leader has to be looked up, and the others of the broker do not wait for that. */
  const leaveOut = (partition: number) => {
    leftOut.add(partition);
    state.refreshSoon();
    setTimeout(() => {
      leftOut.delete(partition);
      wake();
    }, LEFT_OUT_MS);
  };

  const isLedBy = (broker: string) => (partition: number) => {
    const address = state.leaderOf(partition)?.address;
    return address !== undefined && nameOf(address) === broker;
  };

  const ticketsFor = (broker: string, turn: number): FetchTicket[] => {
    const led = options
      .owned()
      .filter(isLedBy(broker))
      .filter((one) => !leftOut.has(one));
    const first = led.length === 0 ? 0 : turn % led.length;
    // In turns: who stands first gets at least one batch, however large it is.
    return [...led.slice(first), ...led.slice(0, first)]
      .map(options.ticketOf)
      .filter((ticket) => ticket !== undefined);
  };

  const fetch = async (
    broker: BrokerAddress,
    channel: string,
    tickets: readonly FetchTicket[],
    how: { minBytes: number; waitMs: number; maxBytes: number; onProgress: () => void },
  ) => {
    const partitions = tickets.map(({ partition, offset, leaderEpoch }) => ({
      partition,
      offset,
      currentLeaderEpoch: state.leaderOf(partition)?.epoch ?? -1,
      lastFetchedEpoch: leaderEpoch,
    }));
    const { topicId } = state.log();
    const { maxBytesPerPartition } = options;
    const fetched = await fetchFrom(connections.call, broker, {
      ...how,
      channel,
      topicId,
      partitions,
      maxBytesPerPartition,
    });
    return new Map(fetched.map((one) => [one.partition, one]));
  };

  /** @returns whether there were records */
  const handOver = (
    tickets: readonly FetchTicket[],
    fetched: ReadonlyMap<number, FetchedBytes>,
  ): boolean => {
    let hasRecords = false;
    for (const ticket of tickets) {
      const found = fetched.get(ticket.partition);
      const type = found && answerType(found.errorCode);
      if (found === undefined) ticket.release();
      else if (type === undefined) {
        if (found.records.length > 0) hasRecords = true;
        ticket.take(found);
      } else if (STALE.has(type)) {
        leaveOut(ticket.partition);
        ticket.release();
      } else ticket.refused(type);
    }
    return hasRecords;
  };

  const run = async (broker: BrokerAddress, channel: string, isSecond: boolean) => {
    const name = nameOf(broker);
    const loop = `${name} ${channel}`;
    const turned = () => turnedMs.set(loop, performance.now());
    const size = createFetchSize();
    let failures = 0;
    let recordsCameMs: number | undefined;
    for (let turn = 0; !stopping.aborted; turn++) {
      const changed = woken.promise;
      const tickets = ticketsFor(name, turn);
      if (tickets.length === 0) {
        turnedMs.delete(loop);
        if (!options.owned().some(isLedBy(name))) {
          // Others lead what it led: that it is unavailable does not concern us.
          failures = 0;
          options.onFailing(name, undefined);
        }
        await changed;
        // Partitions that come free together, of one transaction, are asked for together.
        await (isSecond ? delay(SECOND_AFTER_MS) : nextTurn());
        continue;
      }
      turned();
      const begunMs = performance.now();
      try {
        const fetched = await fetch(broker, channel, tickets, {
          ...patience(options, recordsCameMs),
          maxBytes: size.mostBytes(),
          // An answer that comes slowly is no silence.
          onProgress: turned,
        });
        size.brought(bytesIn(fetched), performance.now() - begunMs);
        recordsCameMs = handOver(tickets, fetched) ? performance.now() : undefined;
        failures = 0;
        options.onFailing(name, undefined);
        // Now those who were given something take it, and may wish for more.
        await nextTurn();
      } catch (error) {
        for (const ticket of tickets) ticket.release();
        if (stopping.aborted) return;
        failures++;
        size.failed(performance.now() - begunMs);
        if (failures > 1) options.onFailing(name, messageOf(error));
        log.debug({ broker: name, failures, reason: messageOf(error) }, "fetch failed, retrying");
        state.refreshSoon();
        await pauseBeforeTry(failures, stopping);
      }
    }
  };

  const begin = (broker: BrokerAddress) => {
    const name = nameOf(broker);
    if (loops.has(name)) return;
    const both = [run(broker, "fetch", false), run(broker, "fetch again", true)];
    loops.set(
      name,
      Promise.all(both).then(() => undefined),
    );
  };

  const wake = () => {
    for (const partition of options.owned()) {
      const address = state.leaderOf(partition)?.address;
      if (address !== undefined) begin(address);
    }
    woken.resolve();
    woken = Promise.withResolvers();
  };
  const ended = new Promise((resolve) => {
    const end = () => {
      woken.resolve();
      resolve(Promise.all(loops.values()));
    };
    stopping.addEventListener("abort", end, { once: true });
  });

  return {
    wake,
    silentMs: () => performance.now() - Math.min(performance.now(), ...turnedMs.values()),
    ended,
  };
}

const bytesIn = (fetched: ReadonlyMap<number, FetchedBytes>): number =>
  [...fetched.values()].reduce((sum, { records }) => sum + records.length, 0);

function patience(
  { minBytes, maxWaitMs }: { minBytes: number; maxWaitMs: number },
  recordsCameMs: number | undefined,
): { minBytes: number; waitMs: number } {
  const leftMs =
    recordsCameMs === undefined ? 0 : Math.round(recordsCameMs + maxWaitMs - performance.now());
  return minBytes > 1 && leftMs > 0
    ? { minBytes, waitMs: leftMs }
    : { minBytes: 1, waitMs: IDLE_WAIT_MS };
}
