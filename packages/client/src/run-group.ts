import { runConsumer, type RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Position } from "@fiberstream/kafka/partition-fault";
import type { PipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import type { RecordBatch } from "@fiberstream/kafka/records";
import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createHealth } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { explained } from "./topic-missing.ts";
import { createTurns } from "./turns.ts";

export type GroupWork = {
  /**
   * Does a batch and commits it, or a part of it.
   * @param owned aborted when the partition is no longer ours
   * @returns the offset up to which it is done; before the batch's end only when the group is to stop
   * @throws {TransientError} the batch is tried again; anything else ends the group
   */
  readonly doBatch: (batch: RecordBatch, owned: AbortSignal | undefined) => Promise<bigint>;
  /** Where a partition goes on. @throws {TransientError} */
  readonly positionOf: (partition: number) => Promise<Position>;
};

export type CommitOffset = (partition: number, nextOffset: bigint) => Promise<void>;

/**
 * A member of a group from its start to its end: joins, does batch by batch, leaves when `signal` is
 * aborted and the batches in hand are done.
 *
 * @param options.work made with a way to commit an offset to Kafka
 * @throws what `doBatch` threw, or why the group cannot go on
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
  const inHand = new Set<Promise<unknown>>();
  const draining = new AbortController();
  const work = options.work(async (partition, nextOffset) =>
    (await running.promise).commitOffsets(new Map([[partition, nextOffset]])),
  );

  // One whose turn comes while the group is being left is not begun: nobody takes it any more.
  const over = AbortSignal.any([draining.signal, ...(signal === undefined ? [] : [signal])]);
  const inTurn = createTurns(options.partitionsAtOnce, over);
  const doInHand = async (batch: RecordBatch, owned: AbortSignal | undefined) => {
    const done = inTurn({ work: () => work.doBatch(batch, owned), owned });
    inHand.add(done);
    try {
      return await done;
    } catch (error) {
      if (!(error instanceof TransientError)) ended.reject(error);
      throw error;
    } finally {
      inHand.delete(done);
    }
  };

  const processBatch = async (batch: RecordBatch, owned?: AbortSignal) => {
    if (!draining.signal.aborted && (await doInHand(batch, owned)) >= batch.nextOffset) return;
    // Reported as not done, and only once the consumer knows that it stops, so that it looks no further.
    await leaving.promise;
    throw new Error("the batch is left off");
  };

  const consumer = await runConsumer({
    kafka,
    groupId,
    topic,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    positionsOf: async (partitions) => {
      const ask = async (partition: number) =>
        [partition, await work.positionOf(partition)] as const;
      return new Map(await Promise.all(partitions.map(ask)));
    },
    processBatch,
    outOfRangeAdvice: "Take another group name, or set its offsets with Kafka's own tools",
    onHalt: (reason) => ended.reject(new FatalError(reason, "Nothing more is consumed")),
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
    // A consumer that is being closed commits nothing any more, and does not say so.
    draining.abort();
    await Promise.allSettled(inHand);
    const closed = consumer.close();
    leaving.resolve();
    await closed;
  }
}

/**
 * A killed member's partitions move after this, and a member whose batch takes longer while others come or
 * go has to do it again: handlers of others may take their time.
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
