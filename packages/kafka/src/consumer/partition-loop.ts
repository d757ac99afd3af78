import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@fiberstream/runtime/log";
import { untilAborted } from "@fiberstream/runtime/until-aborted";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import type { FetchTicket } from "../fetch/fetch-loops.ts";
import type { LogIdentity, RecordBatch } from "../records.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { createPartitionLag } from "./partition-lag.ts";
import { createReading, type Reading } from "./partition-reading.ts";
import { countReplayed, createReplay, type ReplayWork } from "./replay-records.ts";
import { createStartPosition, type PositionWork, type StartPosition } from "./start-position.ts";
import { createStoppedPartition } from "./stopped-partition.ts";
import { createTryBatch } from "./try-batch.ts";

export type PartitionLoop = {
  /** Returns what to fetch next; undefined if nothing. */
  readonly ticket: () => FetchTicket | undefined;
  /** Asks for the position again. */
  readonly reseek: () => void;
  /** Begins no further attempt. Settles when no batch of the partition is being processed. */
  readonly stop: () => Promise<void>;
  /** After a stop: settles when also no position is being read, or reading it takes too long. */
  readonly settled: () => Promise<unknown>;
  /** How long nothing has been fetched, ms. */
  readonly silentMs: () => number;
  /** Updates the lag by the partition's end while nothing is fetched. */
  readonly updateEnd: (end: bigint) => void;
  /** How long one call of the partition's owner has been running, ms; 0 when none is. */
  readonly busyMs: () => number;
};

export type PartitionWork = PositionWork &
  ReplayWork & {
    readonly processBatch: (batch: RecordBatch, signal: AbortSignal) => Promise<void>;
  };

const UNKNOWN_EPOCH = -1;
/** After so long without records, an empty batch moves the position past offsets without records. */
const QUIET_MS = 2_000;

/**
 * Processes one partition while it is assigned to this member: asks for its position, then processes batch by batch, in
 * order, each from the end of the one before. Records that were fetched before the position is asked for again are
 * discarded.
 *
 * @param options.before settles when an earlier loop of the same partition has ended
 * @param options.identity returns the log that offsets belong to
 * @param options.report called with the reason why the partition does not continue, or undefined if it does
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
  const { topic, partition, work, identity, metrics, wake, report, halt, log } = options;
  const { outOfRangeAdvice } = options;
  const ending = new AbortController();
  const stopping = ending.signal;
  /** The reading from the latest position. */
  let reading: Reading | undefined;
  let busySinceMs: number | undefined;
  /** Up to where it was read: the leader checks by this whether its log was truncated. */
  let readTo: { offset: bigint; leaderEpoch: number; topicId: string } | undefined;
  let fetchedMs = performance.now();

  const busy = async <T>(call: () => Promise<T>): Promise<T> => {
    busySinceMs = performance.now();
    try {
      return await call();
    } finally {
      busySinceMs = undefined;
    }
  };
  const pause = (ms: number) => delay(ms, undefined, { signal: stopping }).catch(() => undefined);

  const of = { topic, partition, report, stopping, log };
  const lag = createPartitionLag({ topic, partition, metrics });
  const stopped = createStoppedPartition({ ...of, pause, metrics });
  const start = createStartPosition({
    ...of,
    work,
    identity,
    outOfRangeAdvice,
    busy,
    waitStopped: stopped.wait,
    pause,
    halt,
  });
  const replay = createReplay({ ...of, work, busy, checkSameLog: start.checkSameLog, pause });
  const tryBatch = createTryBatch({
    processBatch: (batch) => busy(() => work.processBatch(batch, stopping)),
    positionOf: () => untilAborted(work.positionOf(partition), stopping),
    identity,
    metrics,
    report,
    halt,
    stopping,
    log,
  });

  /** Reads from a position until it has to be asked for again. */
  const readFrom = async (at: StartPosition) => {
    if (start.isMoved()) return;
    let { position } = at;
    let doneMs = performance.now();
    const isReadTo = readTo?.offset === at.from && readTo.topicId === at.log.topicId;
    const ofPosition = at.from === position ? at.leaderEpoch : undefined;
    const leaderEpoch = isReadTo ? readTo?.leaderEpoch : ofPosition;
    let isReplaying = at.from < position;
    lag.begin(position);
    reading = createReading({
      topic,
      partition,
      start: at,
      leaderEpoch: leaderEpoch ?? UNKNOWN_EPOCH,
      wake,
      advice: outOfRangeAdvice,
    });
    wake();
    try {
      for (;;) {
        const fetched = await reading.next();
        if (stopping.aborted || fetched === "again") return;
        if (fetched instanceof PartitionFaultError) {
          if (fetched.untilMoved) stopped.stick(fetched, { ...at, position });
          return await stopped.wait(fetched);
        }
        fetchedMs = performance.now();
        stopped.resume();
        const replayed = countReplayed(fetched.records, position);
        if (isReplaying) {
          isReplaying = fetched.nextOffset < position;
          const ofReplay = fetched.records.slice(0, replayed);
          const differs = await replay(ofReplay, isReplaying ? undefined : at);
          if (differs !== undefined) return await stopped.wait(differs);
        }
        if (stopping.aborted) return;
        const records = replayed > 0 ? fetched.records.slice(replayed) : fetched.records;
        const { nextOffset, highWatermark } = fetched;
        if (records.length === 0) {
          // Only transaction markers, or replayed records.
          if (reading.hasMore()) continue;
          lag.update(nextOffset, highWatermark, undefined);
          // Retention also deletes markers: a position before them would one day be out of range.
          if (nextOffset <= position || performance.now() - doneMs < QUIET_MS) continue;
        } else lag.update(position, highWatermark, records[0]);
        const batch: RecordBatch = {
          topic,
          partition,
          log: at.log,
          records,
          firstOffset: position,
          nextOffset,
          leaderEpoch: fetched.leaderEpoch < 0 ? undefined : fetched.leaderEpoch,
          highWatermark,
        };
        const result = await tryBatch(batch);
        if (result.kind === "fault") return await stopped.wait(result.fault);
        if (result.kind !== "done") return;
        position = nextOffset;
        doneMs = performance.now();
        if (!reading.hasMore()) lag.update(position, highWatermark, undefined);
      }
    } finally {
      readTo = { ...reading.readTo(), topicId: at.log.topicId };
      reading = undefined;
    }
  };

  const run = async () => {
    await options.before;
    while (!stopping.aborted) {
      const at = await start.seek();
      if (at === undefined || stopping.aborted) return;
      const stuck = stopped.stuckAt(at);
      if (stuck !== undefined) {
        await stopped.wait(stuck);
        continue;
      }
      if (!stopped.isStopped()) report(undefined);
      log.debug({ topic, partition, position: at.position.toString() }, "partition positioned");
      await readFrom(at);
    }
  };
  const ended = run().catch(halt).finally(stopped.end);

  return {
    ticket: () => reading?.ticket(),
    reseek: () => {
      start.moved();
      reading?.again();
    },
    stop: () => {
      ending.abort();
      reading?.again();
      return ended;
    },
    settled: () => Promise.all([ended, start.settled()]),
    silentMs: () => performance.now() - fetchedMs,
    updateEnd: lag.updateEnd,
    busyMs: () => (busySinceMs === undefined ? 0 : performance.now() - busySinceMs),
  };
}
