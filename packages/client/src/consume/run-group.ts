import { runConsumer, type RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Position } from "@fiberstream/kafka/partition-fault";
import type { PipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import type { RecordBatch } from "@fiberstream/kafka/records";
import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createHealth } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { untilAborted } from "@fiberstream/runtime/until-aborted";
import { explained } from "../records/topic-missing.ts";
import { createTurns } from "./turns.ts";

export type GroupWork = {
  /**
   * Processes a batch and commits it, or the first part of it.
   * @param owned aborted when this member has lost the partition
   * @returns the offset up to which it was processed; before the batch's end only if the group stops
   * @throws {TransientError} to retry the batch; any other error ends the group
   */
  readonly processBatch: (batch: RecordBatch, owned: AbortSignal | undefined) => Promise<bigint>;
  /**
   * Returns the position from which to consume a partition.
   * @throws {TransientError}
   */
  readonly positionOf: (partition: number) => Promise<Position>;
};

export type CommitOffset = (partition: number, nextOffset: bigint) => Promise<void>;

/**
 * Runs a member of a group: it joins, processes batch by batch, and leaves when `signal` is aborted and the batches in
 * progress are finished.
 *
 * @param options.work created with a function that commits an offset to Kafka
 * @throws the error of `processBatch`, or the reason why the group cannot continue
 */
export async function runGroup(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
  partitionsAtOnce: number;
  work: (commitOffset: CommitOffset) => GroupWork;
  log: Log;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const { kafka, groupId, topic, log, signal } = options;
  if (signal?.aborted) return;
  const ended = Promise.withResolvers<void>();
  const leaving = Promise.withResolvers<void>();
  const running = Promise.withResolvers<Pick<RunningConsumer, "commitOffsets">>();
  const inProgress = new Set<Promise<unknown>>();
  const draining = new AbortController();
  const work = options.work(async (partition, nextOffset) =>
    (await running.promise).commitOffsets(new Map([[partition, nextOffset]])),
  );

  // A batch whose turn comes while the member leaves the group is not started, because its result would be ignored.
  const over = AbortSignal.any([draining.signal, ...(signal === undefined ? [] : [signal])]);
  const inTurn = createTurns(options.partitionsAtOnce, over);
  const runInTurn = async (batch: RecordBatch, owned: AbortSignal | undefined) => {
    const done = inTurn({ work: () => work.processBatch(batch, owned), owned });
    inProgress.add(done);
    try {
      return await done;
    } catch (error) {
      if (!(error instanceof TransientError)) ended.reject(error);
      throw error;
    } finally {
      inProgress.delete(done);
    }
  };

  const processBatch = async (batch: RecordBatch, owned?: AbortSignal) => {
    try {
      if (!draining.signal.aborted && (await runInTurn(batch, owned)) >= batch.nextOffset) return;
    } catch (error) {
      if (!(error instanceof TransientError) || !over.aborted || owned?.aborted) throw error;
    }
    // Fails the rest of the batch, but only after the consumer has begun to stop, so that it does not retry.
    await (owned === undefined ? leaving.promise : untilAborted(leaving.promise, owned));
    throw new Error("the rest of the batch is not processed, because the consumer stops");
  };

  const readPositions = async (partitions: readonly number[]) => {
    // Not permanent: the consumer would halt, and ignore the commits of the batches that are still in progress.
    if (draining.signal.aborted) {
      throw new TransientError("kafka", "positions are not read, because the consumer stops");
    }
    const ask = async (partition: number) => [partition, await work.positionOf(partition)] as const;
    const asked = Promise.all(partitions.map(ask));
    // A request that is in progress when its connection is closed would open another one, which keeps the process alive.
    inProgress.add(asked);
    try {
      return new Map(await asked);
    } finally {
      inProgress.delete(asked);
    }
  };

  const consumer = await runConsumer({
    kafka,
    groupId,
    topic,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    positionsOf: readPositions,
    processBatch,
    outOfRangeAdvice: "Use another group name, or set the group's offsets with Kafka's own tools",
    onHalt: (reason) => ended.reject(new FatalError(reason, "The consumer has ended")),
    metrics: UNCOUNTED,
    health: createHealth(),
    log,
  }).catch((error: unknown) => {
    throw explained(error, topic);
  });
  running.resolve(consumer);
  const stop = () => ended.resolve();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  try {
    await ended.promise;
  } finally {
    signal?.removeEventListener("abort", stop);
    // A consumer that is being closed ignores commits.
    draining.abort();
    await Promise.allSettled(inProgress);
    const closed = consumer.close();
    leaving.resolve();
    await closed;
  }
}

/**
 * After this time the partitions of a killed member are assigned to others. In a rebalance, a member whose batch takes
 * longer has to process it again; the handlers of other teams may need that time.
 */
const SESSION_TIMEOUT_MS = 30_000;

const nothing = () => undefined;
const UNCOUNTED: PipelineMetrics = {
  records: nothing,
  deadLetters: nothing,
  deadLetterWriteFailed: nothing,
  batch: nothing,
  retry: nothing,
  rebalance: nothing,
  breakerOpen: nothing,
  lag: nothing,
  forgetLag: nothing,
  partitionStopped: nothing,
};
