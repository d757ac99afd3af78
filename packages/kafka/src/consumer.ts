import type { Health } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import type { EachBatchPayload, PartitionAssigner } from "kafkajs";
import { type Assignment, createAssignment, type HeldPartition } from "./assignment.ts";
import { createBatchLoop } from "./batch-loop.ts";
import type { KafkaClient } from "./kafka.ts";
import { historyIn } from "./history.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import { OffsetOutOfRangeError } from "./offset-range.ts";
import type { PipelineMetrics } from "./pipeline-metrics.ts";
import type { IncomingRecord, RecordBatch } from "./records.ts";
import { createRestarts } from "./restarts.ts";

export type ConsumerOptions = {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  readonly topic: string;
  /** How the group shares its partitions out, the first one that all members know; default one by one. */
  readonly partitionAssigners?: PartitionAssigner[];
  readonly partitionsConcurrently: number;
  /** A killed member's partitions move after this; a longer pause of the process costs a rebalance. Default 10 s. */
  readonly sessionTimeoutMs?: number;
  /** The most that one fetch brings of one partition; default 1 MB. */
  readonly maxBytesPerPartition?: number;
  /** A fetch gathers so many bytes, `maxWaitMs` long, while records come (`fetch-linger.ts`); default 1, 250 ms. */
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
  /**
   * Fetches the next batches while `processBatch` has the ones before: of each partition one is done and
   * one waits. Default false: nothing is fetched until all batches of a fetch are done.
   */
  readonly readsAhead?: boolean;
  /**
   * Where a partition goes on; undefined: at the group's committed offset, else at the beginning.
   * Asked at every assignment, before anything of the partition is fetched, and after every failed try
   * of a batch, because a commit that seemed to fail may have gone through.
   * @throws {TransientError} asked again with backoff @throws {FatalError}
   */
  readonly positionOf: (partition: number) => Promise<bigint | undefined>;
  /**
   * Where to begin reading a partition that goes on at `position`: at it, or before it to see again what
   * was done earlier. Records before the position go to `onHistory` alone. Asked after `positionOf`.
   * @throws {TransientError} asked again with backoff @throws {FatalError}
   */
  readonly readFrom?: (partition: number, position: bigint) => Promise<bigint>;
  readonly onHistory?: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
  /** Told at every assignment which partitions are ours now, and by which assigner. */
  readonly onAssigned?: (partitions: readonly number[], assigner: string) => void;
  /**
   * Does everything that a batch needs, its commit included. Batches of one partition come one by one,
   * in order; of several partitions side by side.
   * @throws {TransientError} the batch is tried again in place, with backoff, while heartbeats go on
   * @throws {HeldBackError} the partition stops until the error says, the others go on
   * @throws {FatalError} the consumer stops and the service is not ready; as anything else that is thrown
   */
  readonly processBatch: (batch: RecordBatch) => Promise<void>;
  /** What an operator can do when Kafka does not have the offset where a partition goes on. */
  readonly outOfRangeAdvice?: string;
  /** Told why the consumer has stopped for good, besides its check and its log line. */
  readonly onHalt?: (reason: string) => void;
  readonly metrics: PipelineMetrics;
  readonly health: Health;
  readonly log: Log;
};

export type RunningConsumer = {
  /** Tells Kafka how far a partition is, for lag tools only. @throws {TransientError} */
  commitOffset: (partition: number, nextOffset: bigint) => Promise<void>;
  /** Asks again where a partition goes on, if it is ours: its owner has moved it. */
  placeAgain: (partition: number) => void;
  /** Stops fetching, waits for the batches in flight, leaves the group, disconnects. */
  close: () => Promise<void>;
};

const HEARTBEAT_INTERVAL_MS = 1_000;
/** Without a fetch, a join or a try for so long, the consumer counts as dead. */
const STALLED_AFTER_MS = 60_000;

/**
 * Joins a group and hands on committed records batch by batch.
 * @throws {TransientError} when Kafka is away or lacks the topic
 */
export async function runConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  const { kafka, groupId, topic, metrics, health, log } = options;
  const halted = new AbortController();
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
  let lastSignOfLifeMs = Date.now();
  const alive = () => (lastSignOfLifeMs = Date.now());
  const restarts = createRestarts({
    kafka,
    groupId,
    topic,
    alive,
    stopping: halted.signal,
    log,
  });
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    ...(options.partitionAssigners && { partitionAssigners: options.partitionAssigners }),
    sessionTimeout: sessionTimeoutMs,
    // Who dies in the middle of a join is waited for until this is over: no longer than one who dies at work.
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: HEARTBEAT_INTERVAL_MS,
    minBytes: options.minBytes ?? 1,
    maxWaitTimeInMs: options.maxWaitMs ?? 250,
    maxBytesPerPartition: options.maxBytesPerPartition ?? 1_048_576,
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 2_000,
      retries: 8,
      restartOnFailure: async (error) => {
        crashed(error);
        await restarts.prepare(error);
        return !halted.signal.aborted;
      },
    },
  });
  const check = health.check("consumer");
  check.failing("has not joined its group yet");
  health.liveness("consumer", () => {
    const silentMs = Date.now() - lastSignOfLifeMs;
    return silentMs < STALLED_AFTER_MS
      ? undefined
      : `no fetch for ${Math.round(silentMs / 1_000)} s`;
  });

  /** Not awaited by the one who calls: a stop waits for the batches in flight, the caller's among them. */
  const halt = (reason: string) => {
    halted.abort();
    check.failing(reason);
    log.fatal({ topic, reason }, "consumer stopped for good, a person has to look");
    options.onHalt?.(reason);
    consumer.stop().catch((error: unknown) => log.error({ err: error }, "consumer did not stop"));
  };

  const crashed = (error: Error) => {
    alive();
    if (halted.signal.aborted) return;
    if (error instanceof OffsetOutOfRangeError) halt(describeOutOfRange(error.partition));
    else check.failing(error.message);
  };

  const describeOutOfRange = (partition: number) => {
    const position = assignment.current(partition)?.position() ?? "(unknown)";
    const advice = options.outOfRangeAdvice ?? "Set the group's offsets with Kafka's own tools";
    return (
      `partition ${partition} of ${topic} goes on at offset ${position}, which Kafka does not have: ` +
      `it was deleted before it was read, or the topic was made anew. ${advice}`
    );
  };

  const assignment: Assignment = createAssignment({
    ...options,
    consumer,
    check,
    halt,
    stopping: halted.signal,
  });
  const batchLoop = createBatchLoop({
    ...options,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    check,
    halt,
    alive,
    stopping: halted.signal,
  });

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    alive();
    restarts.joined(payload.memberId);
    metrics.rebalance();
    metrics.forgetLag();
    const partitions = payload.memberAssignment[topic] ?? [];
    options.onAssigned?.(partitions, payload.groupProtocol);
    assignment.begin(partitions);
  });
  // The client takes no orders from here on, until it has joined again.
  consumer.on(consumer.events.STOP, assignment.end);
  consumer.on(consumer.events.FETCH_START, alive);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crashed(payload.error);
    // A group that refuses us, say: the client does not start anew.
    if (!payload.restart && !halted.signal.aborted) halt(kafkaFailure(payload.error).message);
  });
  // Also tells of batches that held only transaction markers, which no one else hears of.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const behind = Number(payload.offsetLag);
    if (behind <= 0 && !inFlight.has(payload.partition)) {
      metrics.lag({ ...payload, records: 0, oldestPendingMs: undefined });
    }
  });

  /** Batches that are being done while others are fetched, by partition. */
  const inFlight = new Map<number, Promise<void>>();

  const eachBatch = async (payload: EachBatchPayload) => {
    const { batch } = payload;
    const { partition } = batch;
    // One that did not come to its end has the partition placed again: then this one is stale.
    await inFlight.get(partition);
    const held = assignment.current(partition);
    if (held === undefined || payload.isStale() || halted.signal.aborted) return;
    const history = historyIn(batch.messages, held.position());
    if (history > 0) {
      alive();
      await options.onHistory?.(partition, batch.messages.slice(0, history));
      await payload.heartbeat();
      if (history === batch.messages.length) {
        payload.resolveOffset(batch.messages.at(-1)?.offset ?? batch.lastOffset());
        return;
      }
    }
    const records: RecordBatch = {
      topic,
      partition,
      log: { clusterId: "", topicId: "" },
      records: history > 0 ? batch.messages.slice(history) : batch.messages,
      firstOffset: held.position() ?? BigInt(batch.firstOffset() ?? "0"),
      nextOffset: BigInt(batch.lastOffset()) + 1n,
      highWatermark: BigInt(batch.highWatermark),
    };
    metrics.lag({
      topic,
      partition,
      records: Number(records.highWatermark - records.firstOffset),
      oldestPendingMs: Number(records.records[0]?.timestamp),
    });
    const last = batch.messages.at(-1)?.offset ?? batch.lastOffset();
    const done = doBatch(records, held, payload);
    if (options.readsAhead) {
      payload.resolveOffset(last);
      const finished = done
        // The client hears the same from its own heartbeat and joins again.
        .catch(() => assignment.placeAgain(partition))
        .then(() => void inFlight.delete(partition));
      inFlight.set(partition, finished);
      return;
    }
    if (await done) payload.resolveOffset(last);
  };

  /** @returns whether the batch is done; otherwise the partition goes on elsewhere, later or not at all */
  const doBatch = async (
    records: RecordBatch,
    held: HeldPartition,
    payload: EachBatchPayload,
  ): Promise<boolean> => {
    const { partition, firstOffset, nextOffset, highWatermark } = records;
    const result = await batchLoop(records, () => payload.heartbeat(), held.isOurs);
    if (result.kind === "stopped" || !held.isOurs()) return false;
    switch (result.kind) {
      case "done":
        held.moveTo(result.nextOffset);
        if (options.readsAhead && nextOffset >= highWatermark) {
          metrics.lag({ topic, partition, records: 0, oldestPendingMs: undefined });
        }
        return true;
      case "moved":
        assignment.placeAgain(partition);
        return false;
      case "held":
        assignment.hold(partition, firstOffset, result.by.released);
        return false;
    }
  };

  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.partitionsConcurrently,
      eachBatch,
    });
  } catch (error) {
    halted.abort();
    await consumer.disconnect();
    throw kafkaFailure(error);
  }

  return {
    commitOffset: async (partition, nextOffset) => {
      try {
        await consumer.commitOffsets([{ topic, partition, offset: nextOffset.toString() }]);
      } catch (error) {
        throw kafkaFailure(error);
      }
    },
    placeAgain: (partition) => {
      if (assignment.current(partition) !== undefined) assignment.placeAgain(partition);
    },
    close: async () => {
      halted.abort();
      await consumer.stop();
      await Promise.all(inFlight.values());
      await consumer.disconnect();
    },
  };
}
