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

/** A partition's request for its next records. Each ticket can be used once. */
export type FetchTicket = {
  readonly partition: number;
  readonly offset: bigint;
  /** Of the last batch that was fetched; -1 if there is none. */
  readonly leaderEpoch: number;
  readonly take: (fetched: FetchedBytes) => void;
  /** Reports that the broker cannot read the partition from this offset. */
  readonly refused: (type: string) => void;
  /** Reports that nothing has arrived: the partition may be fetched again. */
  readonly release: () => void;
};

export type FetchLoops = {
  /** To be called when a partition has a new ticket, or leaders have changed. */
  readonly wake: () => void;
  /** How long the slowest loop has not made progress, ms. */
  readonly silentMs: () => number;
  readonly ended: Promise<unknown>;
};

const IDLE_WAIT_MS = 250;
/** After so long, a partition that is not in the waiting fetch gets a second fetch. */
const SECOND_AFTER_MS = 20;
/** After about so long a new leader is known. */
const LEFT_OUT_MS = 150;

/** Errors after which the leader has to be looked up again. */
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
 * Fetches from each broker independently: a slow, frozen or lost broker delays only the partitions that it leads. Each
 * broker has two loops with connections of their own. The second loop is for partitions that become free while the broker
 * waits for data for the first loop's fetch.
 *
 * While records arrive, a fetch waits for `minBytes`, `maxWaitMs` long. After a fetch without records, the next one
 * returns with its first record, so that a single record does not wait for others.
 *
 * @param options.ticketOf returns the ticket of a partition; undefined if it needs no fetch
 * @param options.onFailing called with the reason why fetching from a broker fails, or undefined if it works
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
  /** When each loop last made progress; without loops that wait for a ticket. */
  const progressMs = new Map<string, number>();
  const leftOut = new Set<number>();
  let woken = Promise.withResolvers<void>();

  /** Leaves a partition out for a while, because its leader has to be looked up and others must not wait for that. */
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
      .filter((partition) => !leftOut.has(partition));
    const first = led.length === 0 ? 0 : turn % led.length;
    // Rotated, because the first partition always gets a batch, however large it is.
    return [...led.slice(first), ...led.slice(0, first)]
      .map(options.ticketOf)
      .filter((ticket) => ticket !== undefined);
  };

  const fetch = async (
    broker: BrokerAddress,
    channel: string,
    tickets: readonly FetchTicket[],
    limits: { minBytes: number; waitMs: number; maxBytes: number; onProgress: () => void },
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
      ...limits,
      channel,
      topicId,
      partitions,
      maxBytesPerPartition,
    });
    return new Map(fetched.map((bytes) => [bytes.partition, bytes]));
  };

  /** @returns whether there were records */
  const distribute = (
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
    const madeProgress = () => progressMs.set(loop, performance.now());
    const size = createFetchSize();
    let failures = 0;
    let lastRecordsMs: number | undefined;
    for (let turn = 0; !stopping.aborted; turn++) {
      const changed = woken.promise;
      const tickets = ticketsFor(name, turn);
      if (tickets.length === 0) {
        progressMs.delete(loop);
        if (!options.owned().some(isLedBy(name))) {
          // It leads no partition of ours any more, so it does not matter whether it is available.
          failures = 0;
          options.onFailing(name, undefined);
        }
        await changed;
        // Partitions that become free together, after one transaction, are fetched together.
        await (isSecond ? delay(SECOND_AFTER_MS) : nextTurn());
        continue;
      }
      madeProgress();
      const begunMs = performance.now();
      try {
        const fetched = await fetch(broker, channel, tickets, {
          ...waitLimits(options, lastRecordsMs),
          maxBytes: size.maxBytes(),
          // A slow answer is progress, too.
          onProgress: madeProgress,
        });
        size.fetched(bytesIn(fetched), performance.now() - begunMs);
        lastRecordsMs = distribute(tickets, fetched) ? performance.now() : undefined;
        failures = 0;
        options.onFailing(name, undefined);
        // Lets the partitions take their records, and create new tickets.
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
    silentMs: () => performance.now() - Math.min(performance.now(), ...progressMs.values()),
    ended,
  };
}

const bytesIn = (fetched: ReadonlyMap<number, FetchedBytes>): number =>
  [...fetched.values()].reduce((sum, { records }) => sum + records.length, 0);

function waitLimits(
  { minBytes, maxWaitMs }: { minBytes: number; maxWaitMs: number },
  lastRecordsMs: number | undefined,
): { minBytes: number; waitMs: number } {
  const leftMs =
    lastRecordsMs === undefined ? 0 : Math.round(lastRecordsMs + maxWaitMs - performance.now());
  return minBytes > 1 && leftMs > 0
    ? { minBytes, waitMs: leftMs }
    : { minBytes: 1, waitMs: IDLE_WAIT_MS };
}
