import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { PartitionFaultError, type Position } from "../partition-fault.ts";
import type { PipelineMetrics } from "../pipeline-metrics.ts";
import type { IncomingRecord, LogIdentity, RecordBatch } from "../records.ts";
import type { FetchTicket } from "./fetch-loops.ts";
import { orAborted } from "../or-aborted.ts";
import { createReading, type Reading } from "./partition-reading.ts";
import { createTryBatch } from "./try-batch.ts";

export type PartitionLoop = {
  /** What it wants fetched; undefined while it wants nothing. */
  readonly ticket: () => FetchTicket | undefined;
  /** Asks again where it goes on. */
  readonly placeAgain: () => void;
  /** Begins no further try. Settles when nothing is done any more with the partition. */
  readonly stop: () => Promise<void>;
  /** How long nothing has been fetched of it, ms. */
  readonly silentMs: () => number;
  /** Told where it ends now while nothing is fetched: how far it is behind is known all the same. */
  readonly endsAt: (end: bigint) => void;
  /** Since when one try of a batch has been running, ms; 0 when none is. */
  readonly tryingMs: () => number;
};

/** Where a partition is read on, and of which log. */
type Placement = { readonly position: bigint; readonly from: bigint; readonly log: LogIdentity };

export type PartitionWork = {
  readonly positionOf: (partition: number) => Promise<Position | undefined>;
  readonly beginningOf: (partition: number) => Promise<bigint>;
  readonly readFrom: ((partition: number, position: bigint) => Promise<bigint>) | undefined;
  readonly onHistory:
    ((partition: number, records: readonly IncomingRecord[]) => Promise<void>) | undefined;
  readonly processBatch: (batch: RecordBatch) => Promise<void>;
};

/** A stopped partition asks for its position so often: an operator may have moved it. */
const LOOK_AGAIN_MS = 5_000;
/**
 * One partition for as long as it is ours: placed where its owner says, then batch by batch, in order, each from
 * where the one before has ended. What was fetched belongs to the placement under which it was asked for, and is
 * thrown away with it.
 *
 * @param options.before settles when an earlier loop of the same partition is over
 * @param options.identity of which log the offsets are
 * @param options.report told why the partition does not go on, and undefined when it does
 */
export function runPartition(options: {
  topic: string;
  partition: number;
  before: Promise<unknown> | undefined;
  identity: () => LogIdentity;
  work: PartitionWork;
  outOfRangeAdvice: string;
  wake: () => void;
  report: (reason: string | undefined) => void;
  halt: (error: unknown) => void;
  metrics: PipelineMetrics;
  log: Log;
}): PartitionLoop {
  const { topic, partition, work, identity, metrics, wake, report, log } = options;
  const ending = new AbortController();
  const stopping = ending.signal;
  /** What the partition is read from, from one placement to the next. */
  let reading: Reading | undefined;
  /** Whether the position was moved while it was being asked for. */
  let isMoved = false;
  let tryingSinceMs: number | undefined;
  let fault: PartitionFaultError | undefined;
  let behind: { readonly at: bigint; readonly oldestPendingMs: number | undefined } | undefined;
  let fetchedMs = performance.now();

  const tryBatch = createTryBatch({
    processBatch: async (batch) => {
      tryingSinceMs = performance.now();
      try {
        await work.processBatch(batch);
      } finally {
        tryingSinceMs = undefined;
      }
    },
    positionOf: () => orAborted(work.positionOf(partition), stopping),
    metrics,
    report,
    halt: options.halt,
    stopping,
    log,
  });

  const placeOnce = async (): Promise<Placement> => {
    isMoved = false;
    const logOfPosition = identity();
    const found = await work.positionOf(partition);
    if (found instanceof PartitionFaultError) throw found;
    if (found === undefined) throw new TransientError("kafka", "the position is not known yet");
    const position = found === "beginning" ? await work.beginningOf(partition) : found;
    const from = (await work.readFrom?.(partition, position)) ?? position;
    if (isMoved) throw new TransientError("kafka", "the position was moved meanwhile");
    return { position, from, log: logOfPosition };
  };

  /** Undefined once the partition is no longer ours. */
  const place = async () => {
    for (let tries = 1; !stopping.aborted; tries++) {
      try {
        return await orAborted(placeOnce(), stopping);
      } catch (error) {
        if (error instanceof PartitionFaultError) {
          await stand(error);
        } else if (error instanceof TransientError) {
          // The first answer is often that a commit of before is not through yet.
          if (tries > 2) report(`partition ${partition}: ${messageOf(error)}`);
          log.debug(
            { topic, partition, tries, reason: messageOf(error) },
            "position not known yet",
          );
          await delay(Math.min(1_000, retryDelayMs(tries)), undefined, { signal: stopping }).catch(
            () => undefined,
          );
        } else {
          if (!stopping.aborted) options.halt(error);
          return undefined;
        }
      }
    }
    return undefined;
  };

  /** Only this partition stops; an operator may move its position meanwhile. */
  const stand = async (why: PartitionFaultError) => {
    if (stopping.aborted) return;
    metrics.partitionStopped(topic, partition, true);
    report(why.message);
    if (fault?.reason !== why.reason) {
      log.error({ topic, partition, reason: why.reason, advice: why.advice }, "partition stopped");
    }
    fault = why;
    await delay(LOOK_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
  };

  /** What it was stopped for is over: something was fetched. */
  const goesOn = () => {
    if (fault === undefined) return;
    fault = undefined;
    metrics.partitionStopped(topic, partition, false);
    report(undefined);
    log.info({ topic, partition }, "partition goes on");
  };

  const lagOf = (at: bigint, highWatermark: bigint, oldest: IncomingRecord | undefined) => {
    const oldestPendingMs = oldest && Number(oldest.timestamp);
    behind = { at, oldestPendingMs };
    const records = Math.max(0, Number(highWatermark - at));
    metrics.lag({ topic, partition, records, oldestPendingMs });
  };

  /** Reads from a placement until it holds no longer. */
  const read = async (start: Placement) => {
    let { position } = start;
    behind = { at: position, oldestPendingMs: behind?.oldestPendingMs };
    reading = createReading({ topic, partition, start, wake, advice: options.outOfRangeAdvice });
    wake();
    try {
      for (;;) {
        const fetched = await reading.next();
        if (stopping.aborted || fetched === "again") return;
        if (fetched instanceof PartitionFaultError) return await stand(fetched);
        fetchedMs = performance.now();
        goesOn();
        const history = historyIn(fetched.records, position);
        if (history > 0) await work.onHistory?.(partition, fetched.records.slice(0, history));
        const records = history > 0 ? fetched.records.slice(history) : fetched.records;
        if (records.length === 0) {
          // Only transaction markers, or what was done before.
          if (!reading.hasMore()) lagOf(fetched.nextOffset, fetched.highWatermark, undefined);
          continue;
        }
        const { nextOffset, highWatermark } = fetched;
        lagOf(position, highWatermark, records[0]);
        const batch: RecordBatch = {
          topic,
          partition,
          log: start.log,
          records,
          firstOffset: position,
          nextOffset,
          highWatermark,
        };
        const result = await tryBatch(batch);
        if (result.kind === "fault") return await stand(result.fault);
        if (result.kind !== "done") return;
        position = nextOffset;
        if (!reading.hasMore()) lagOf(position, highWatermark, undefined);
      }
    } finally {
      reading = undefined;
    }
  };

  const run = async () => {
    await options.before;
    while (!stopping.aborted) {
      const start = await place();
      if (start === undefined || stopping.aborted) return;
      if (fault === undefined) report(undefined);
      log.debug({ topic, partition, position: start.position.toString() }, "partition placed");
      await read(start);
    }
  };
  const ended = run()
    .catch(options.halt)
    .finally(() => {
      report(undefined);
      metrics.partitionStopped(topic, partition, false);
    });

  return {
    ticket: () => reading?.ticket(),
    placeAgain: () => {
      isMoved = true;
      reading?.again();
    },
    stop: () => {
      ending.abort();
      reading?.again();
      return ended;
    },
    silentMs: () => performance.now() - fetchedMs,
    endsAt: (end) => {
      if (behind === undefined) return;
      const records = Math.max(0, Number(end - behind.at));
      metrics.lag({ topic, partition, records, oldestPendingMs: behind.oldestPendingMs });
    },
    tryingMs: () => (tryingSinceMs === undefined ? 0 : performance.now() - tryingSinceMs),
  };
}

/** How many records stand before the position: offsets stay below 2^53 for as long as anyone lives. */
function historyIn(records: readonly IncomingRecord[], position: bigint): number {
  const [first] = records;
  if (first === undefined || Number(first.offset) >= Number(position)) return 0;
  const at = records.findIndex(({ offset }) => Number(offset) >= Number(position));
  return at === -1 ? records.length : at;
}
