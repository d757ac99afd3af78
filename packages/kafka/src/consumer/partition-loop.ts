import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { offsetOf, PartitionFaultError, type Position } from "../errors/partition-fault.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import type { IncomingRecord, LogIdentity, RecordBatch } from "../records.ts";
import { isSameLog, logDiffers, type EpochEndOf } from "./epoch-ends.ts";
import type { FetchTicket } from "../fetch/fetch-loops.ts";
import { untilAborted } from "@fiberstream/runtime/until-aborted";
import { createReading, type Reading } from "./partition-reading.ts";
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

/** Where reading a partition starts, and in which log. */
type StartPosition = {
  readonly position: bigint;
  readonly from: bigint;
  readonly log: LogIdentity;
  /** Of the last record before `position`; undefined if unknown. */
  readonly leaderEpoch: number | undefined;
};

export type PartitionWork = {
  readonly positionOf: (partition: number) => Promise<Position | undefined>;
  readonly beginningOf: (partition: number) => Promise<bigint>;
  readonly epochEndOf: EpochEndOf;
  readonly replayFrom: ((partition: number, position: bigint) => Promise<bigint>) | undefined;
  readonly replay:
    ((partition: number, records: readonly IncomingRecord[]) => Promise<void>) | undefined;
  readonly processBatch: (batch: RecordBatch, signal: AbortSignal) => Promise<void>;
};

/** How often a stopped partition asks for its position, because an operator may have moved it. */
const RECHECK_MS = 5_000;
/** How long a new loop waits for an earlier loop that is reading the position: the answers would mix. */
const SETTLES_WITHIN_MS = 10_000;
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
  const { topic, partition, work, identity, metrics, wake, report, log } = options;
  const ending = new AbortController();
  const stopping = ending.signal;
  /** The reading from the latest position. */
  let reading: Reading | undefined;
  /** Whether the position was moved while it was being read. */
  let isMoved = false;
  let busySinceMs: number | undefined;
  let seeking: Promise<unknown> = Promise.resolve();
  /** Up to where it was read: the leader checks by this whether its log was truncated. */
  let readTo: { offset: bigint; leaderEpoch: number; topicId: string } | undefined;
  /** The position at which it is stopped until the position is moved. */
  let stuck: { readonly fault: PartitionFaultError; readonly at: StartPosition } | undefined;
  let fault: PartitionFaultError | undefined;
  let behind: { readonly at: bigint; readonly oldestPendingMs: number | undefined } | undefined;
  let fetchedMs = performance.now();

  const busy = async <T>(call: () => Promise<T>): Promise<T> => {
    busySinceMs = performance.now();
    try {
      return await call();
    } finally {
      busySinceMs = undefined;
    }
  };

  const tryBatch = createTryBatch({
    processBatch: (batch) => busy(() => work.processBatch(batch, stopping)),
    positionOf: () => untilAborted(work.positionOf(partition), stopping),
    identity,
    metrics,
    report,
    halt: options.halt,
    stopping,
    log,
  });

  const seekOnce = async (): Promise<StartPosition> => {
    isMoved = false;
    const logOfPosition = identity();
    const found = await work.positionOf(partition);
    if (found instanceof PartitionFaultError) throw found;
    if (found === undefined) throw new TransientError("kafka", "the position is not known yet");
    const offset = offsetOf(found);
    const position = offset === "beginning" ? await work.beginningOf(partition) : offset;
    const leaderEpoch = typeof found === "object" ? found.leaderEpoch : undefined;
    await checkSameLog({ position, leaderEpoch });
    // The answers above may come late. The next loop of the partition may be past this point by now.
    if (stopping.aborted) throw new TransientError("kafka", "the partition was revoked meanwhile");
    const from = (await work.replayFrom?.(partition, position)) ?? position;
    if (isMoved) throw new TransientError("kafka", "the position was moved meanwhile");
    return { position, from, log: logOfPosition, leaderEpoch };
  };

  /** Another process may have read up to the position, and the log may have grown again since it was truncated. */
  const checkSameLog = async (at: Pick<StartPosition, "position" | "leaderEpoch">) => {
    const { position: upTo, leaderEpoch } = at;
    if (leaderEpoch === undefined) return;
    const end = await work.epochEndOf(partition, leaderEpoch);
    const read = { topic, partition, leaderEpoch, readTo: upTo };
    if (!isSameLog(end, read)) throw logDiffers(read, end, options.outOfRangeAdvice);
  };

  /** Returns undefined once the partition is revoked. */
  const seek = async () => {
    for (let tries = 1; !stopping.aborted; tries++) {
      try {
        const found = busy(seekOnce);
        seeking = found.catch(() => undefined);
        return await untilAborted(found, stopping);
      } catch (error) {
        if (error instanceof PartitionFaultError) {
          await waitStopped(error);
        } else if (error instanceof TransientError) {
          // The first answer is often that an earlier commit is not completed yet.
          if (tries > 2) report(`partition ${partition}: ${messageOf(error)}`);
          log.debug(
            { topic, partition, tries, reason: messageOf(error) },
            "cannot read start position, retrying",
          );
          await pause(Math.min(1_000, retryDelayMs(tries)));
        } else {
          if (!stopping.aborted) options.halt(error);
          return undefined;
        }
      }
    }
    return undefined;
  };

  /** Stops only this partition, for a while; an operator may move its position meanwhile. */
  const waitStopped = async (why: PartitionFaultError) => {
    if (stopping.aborted) return;
    metrics.partitionStopped(topic, partition, true);
    report(why.message);
    if (fault?.reason !== why.reason) {
      log.error({ topic, partition, reason: why.reason, advice: why.advice }, "partition stopped");
    }
    fault = why;
    await pause(RECHECK_MS);
  };

  const pause = (ms: number) => delay(ms, undefined, { signal: stopping }).catch(() => undefined);

  /**
   * Replays records from before the position; retries while a dependency is unavailable. With the last of them it checks
   * the log again: a fetch from before the position cannot carry the position's epoch, so a leader that was elected since
   * the position was read would not notice that its log differs.
   */
  const replayRecords = async (
    records: readonly IncomingRecord[],
    last: StartPosition | undefined,
  ): Promise<PartitionFaultError | undefined> => {
    for (let tries = 1; !stopping.aborted; tries++) {
      try {
        await busy(async () => {
          if (last !== undefined) await checkSameLog(last);
          if (records.length > 0) await work.replay?.(partition, records);
        });
        if (tries > 1) report(undefined);
        return undefined;
      } catch (error) {
        if (error instanceof PartitionFaultError) return error;
        if (!(error instanceof TransientError)) throw error;
        report(`${error.dependency}: ${messageOf(error)}`);
        log.debug(
          { topic, partition, tries, reason: messageOf(error) },
          "replaying earlier records failed, retrying",
        );
        await pause(retryDelayMs(tries));
      }
    }
    return undefined;
  };

  /** Marks the partition as resumed, because something was fetched. */
  const resume = () => {
    if (fault === undefined) return;
    fault = undefined;
    metrics.partitionStopped(topic, partition, false);
    report(undefined);
    log.info({ topic, partition }, "partition resumed");
  };

  const lagOf = (at: bigint, highWatermark: bigint, oldest: IncomingRecord | undefined) => {
    const oldestPendingMs = oldest && Number(oldest.timestamp);
    behind = { at, oldestPendingMs };
    const records = Math.max(0, Number(highWatermark - at));
    metrics.lag({ topic, partition, records, oldestPendingMs });
  };

  /** Reads from a position until it has to be asked for again. */
  const read = async (start: StartPosition) => {
    if (isMoved) return;
    let { position } = start;
    let doneMs = performance.now();
    const isReadTo = readTo?.offset === start.from && readTo.topicId === start.log.topicId;
    const ofPosition = start.from === position ? start.leaderEpoch : undefined;
    const leaderEpoch = isReadTo ? readTo?.leaderEpoch : ofPosition;
    let isReplaying = start.from < position;
    behind = { at: position, oldestPendingMs: behind?.oldestPendingMs };
    reading = createReading({
      topic,
      partition,
      start,
      leaderEpoch: leaderEpoch ?? UNKNOWN_EPOCH,
      wake,
      advice: options.outOfRangeAdvice,
    });
    wake();
    try {
      for (;;) {
        const fetched = await reading.next();
        if (stopping.aborted || fetched === "again") return;
        if (fetched instanceof PartitionFaultError) {
          if (fetched.untilMoved) stuck = { fault: fetched, at: { ...start, position } };
          return await waitStopped(fetched);
        }
        fetchedMs = performance.now();
        resume();
        const replayed = countReplayed(fetched.records, position);
        if (isReplaying) {
          isReplaying = fetched.nextOffset < position;
          const ofReplay = fetched.records.slice(0, replayed);
          const differs = await replayRecords(ofReplay, isReplaying ? undefined : start);
          if (differs !== undefined) return await waitStopped(differs);
        }
        if (stopping.aborted) return;
        const records = replayed > 0 ? fetched.records.slice(replayed) : fetched.records;
        if (records.length === 0) {
          // Only transaction markers, or replayed records.
          if (reading.hasMore()) continue;
          lagOf(fetched.nextOffset, fetched.highWatermark, undefined);
          // Retention also deletes markers: a position before them would one day be out of range.
          if (fetched.nextOffset <= position || performance.now() - doneMs < QUIET_MS) continue;
        }
        const { nextOffset, highWatermark } = fetched;
        if (records.length > 0) lagOf(position, highWatermark, records[0]);
        const batch: RecordBatch = {
          topic,
          partition,
          log: start.log,
          records,
          firstOffset: position,
          nextOffset,
          leaderEpoch: fetched.leaderEpoch < 0 ? undefined : fetched.leaderEpoch,
          highWatermark,
        };
        const result = await tryBatch(batch);
        if (result.kind === "fault") return await waitStopped(result.fault);
        if (result.kind !== "done") return;
        position = nextOffset;
        doneMs = performance.now();
        if (!reading.hasMore()) lagOf(position, highWatermark, undefined);
      }
    } finally {
      readTo = { ...reading.readTo(), topicId: start.log.topicId };
      reading = undefined;
    }
  };

  const isStuck = ({ position, log: { topicId } }: StartPosition) =>
    stuck !== undefined && stuck.at.position === position && stuck.at.log.topicId === topicId;

  const run = async () => {
    await options.before;
    while (!stopping.aborted) {
      const start = await seek();
      if (start === undefined || stopping.aborted) return;
      if (stuck !== undefined && isStuck(start)) {
        await waitStopped(stuck.fault);
        continue;
      }
      stuck = undefined;
      if (fault === undefined) report(undefined);
      log.debug({ topic, partition, position: start.position.toString() }, "partition positioned");
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
    reseek: () => {
      isMoved = true;
      reading?.again();
    },
    stop: () => {
      ending.abort();
      reading?.again();
      return ended;
    },
    settled: () =>
      Promise.all([
        ended,
        Promise.race([seeking, delay(SETTLES_WITHIN_MS, undefined, { ref: false })]),
      ]),
    silentMs: () => performance.now() - fetchedMs,
    updateEnd: (end) => {
      if (behind === undefined) return;
      const records = Math.max(0, Number(end - behind.at));
      metrics.lag({ topic, partition, records, oldestPendingMs: behind.oldestPendingMs });
    },
    busyMs: () => (busySinceMs === undefined ? 0 : performance.now() - busySinceMs),
  };
}

/** Returns how many records are before the position. Offsets stay below 2^53 in practice. */
function countReplayed(records: readonly IncomingRecord[], position: bigint): number {
  const [first] = records;
  if (first === undefined || Number(first.offset) >= Number(position)) return 0;
  const at = records.findIndex(({ offset }) => Number(offset) >= Number(position));
  return at === -1 ? records.length : at;
}
