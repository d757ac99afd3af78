import { TransientError } from "@fiberstream/runtime/errors";
import { BrokerAnswerError, throwIfFailed } from "../broker/broker-answer.ts";
import { createConnections, type TopicMetadata } from "../broker/connections.ts";
import { byLeader, type LedPartitions } from "../broker/by-leader.ts";
import { committedRecords } from "../protocol/committed-records.ts";
import { requestOffsets, type Edge } from "../broker/list-offsets.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";
import { fetchFrom } from "../fetch/fetch-from.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { IncomingRecord } from "../records.ts";

/** Reads topics without being a member of a group, for caches and command lines. */
export type ClusterAccess = {
  /** Fetches the next records of some partitions; waits up to `maxWaitMs` for the first one. */
  readonly fetch: (
    topic: string,
    positions: ReadonlyMap<number, bigint>,
    options: { maxWaitMs: number },
  ) => Promise<FetchedPartition[]>;
  /** Returns the log start offset of each partition of a topic. */
  readonly beginnings: (topic: string) => Promise<Map<number, bigint>>;
  /** Returns the log start offset of one partition and the offset of its next record. The other partitions need no leader. */
  readonly ends: (topic: string, partition: number) => Promise<{ low: bigint; high: bigint }>;
  /**
   * Returns the offsets of each partition between which all committed records can be read at once: up to the first record of an
   * open transaction.
   */
  readonly stableEnds: (topic: string) => Promise<Map<number, { low: bigint; high: bigint }>>;
  /** Returns the first record of a partition whose timestamp is `timeMs` or later; undefined: there is none. */
  readonly offsetAt: (
    topic: string,
    partition: number,
    timeMs: number,
  ) => Promise<bigint | undefined>;
  /** Returns a topic's id and partitions. */
  readonly topic: (topic: string) => Promise<{ topicId: string; partitions: readonly number[] }>;
  /** Drops the cached metadata: the next call reads it again. */
  readonly refresh: () => void;
  readonly close: () => Promise<void>;
};

export type FetchedPartition = {
  readonly partition: number;
  /** Committed records only, without transaction markers. */
  readonly records: readonly IncomingRecord[];
  readonly nextOffset: bigint;
  readonly highWatermark: bigint;
};

const MAX_BYTES_PER_PARTITION = 1_048_576;
const CHANNEL = "reader";

/** Connects at the first call. Its functions throw {TransientError} and {FatalError}. */
export function connectCluster(kafka: KafkaClient): ClusterAccess {
  const connections = createConnections(kafka);
  const known = new Map<string, TopicMetadata>();

  const metadataOf = async (topic: string): Promise<TopicMetadata> => {
    const metadata = known.get(topic) ?? (await connections.topicMetadata(topic));
    known.set(topic, metadata);
    return metadata;
  };

  /**
   * Groups partitions by their leader.
   * @throws {TransientError} if one has no leader
   */
  const allByLeader = (
    { leaders }: TopicMetadata,
    topic: string,
    partitions: readonly number[],
  ): LedPartitions[] => {
    const missing = partitions.find((partition) => leaders.get(partition)?.address === undefined);
    if (missing === undefined) return byLeader(partitions, (partition) => leaders.get(partition));
    throw new TransientError("kafka", `partition ${missing} of ${topic} has no leader`);
  };

  const fetchOf = async (
    { leader, partitions }: LedPartitions,
    { log: { topicId } }: TopicMetadata,
    positions: ReadonlyMap<number, bigint>,
    waitMs: number,
  ): Promise<FetchedPartition[]> => {
    const fetched = await fetchFrom(connections.call, leader, {
      channel: CHANNEL,
      topicId,
      partitions: partitions.map(({ partition, epoch }) => ({
        partition,
        offset: positions.get(partition) ?? 0n,
        currentLeaderEpoch: epoch,
        lastFetchedEpoch: -1,
      })),
      minBytes: 1,
      waitMs,
      maxBytes: 10 * MAX_BYTES_PER_PARTITION,
      maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
    });
    return fetched.map((bytes) => fetchedPartition(bytes, positions.get(bytes.partition) ?? 0n));
  };

  const offsetsOf = ({ leader, partitions }: LedPartitions, topic: string, edge: Edge | number) =>
    requestOffsets(connections.call, leader, {
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, epoch: -1 })),
      edge,
      channel: CHANNEL,
    });

  const withKafkaErrors = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      known.clear();
      throw isOutOfRange(error) ? error : kafkaFailure(error);
    }
  };

  const edgesOf = async (topic: string, edge: Edge): Promise<Map<number, bigint>> => {
    const metadata = await metadataOf(topic);
    const asked = allByLeader(metadata, topic, [...metadata.leaders.keys()]);
    const found = await Promise.all(asked.map((led) => offsetsOf(led, topic, edge)));
    return new Map(found.flat());
  };

  return {
    fetch: (topic, positions, { maxWaitMs }) =>
      withKafkaErrors(async () => {
        const metadata = await metadataOf(topic);
        const fetched = await Promise.all(
          allByLeader(metadata, topic, [...positions.keys()]).map((led) =>
            fetchOf(led, metadata, positions, maxWaitMs),
          ),
        );
        return fetched.flat();
      }),
    beginnings: (topic) => withKafkaErrors(() => edgesOf(topic, "beginning")),
    stableEnds: (topic) =>
      withKafkaErrors(async () => {
        // In this order, so that the end is never below the start, whatever retention deletes meanwhile.
        const lows = await edgesOf(topic, "beginning");
        const highs = await edgesOf(topic, "stable end");
        return new Map(
          Array.from(lows, ([partition, low]) => [
            partition,
            { low, high: highs.get(partition) ?? low },
          ]),
        );
      }),
    offsetAt: (topic, partition, timeMs) =>
      withKafkaErrors(async () => {
        const [led] = allByLeader(await metadataOf(topic), topic, [partition]);
        const found = led && (await offsetsOf(led, topic, timeMs));
        const offset = found?.[0]?.[1];
        return offset === undefined || offset < 0n ? undefined : offset;
      }),
    ends: (topic, partition) =>
      withKafkaErrors(async () => {
        const [led] = allByLeader(await metadataOf(topic), topic, [partition]);
        const ask = async (edge: Edge) => {
          const found = led && (await offsetsOf(led, topic, edge));
          const [, offset] = found?.[0] ?? [];
          if (offset !== undefined) return offset;
          throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
        };
        // In this order, so that the end is never below the start, whatever retention deletes meanwhile.
        const low = await ask("beginning");
        return { low, high: await ask("end") };
      }),
    topic: (topic) =>
      withKafkaErrors(async () => {
        const { log, leaders } = await metadataOf(topic);
        return { topicId: log.topicId, partitions: [...leaders.keys()] };
      }),
    refresh: () => known.clear(),
    close: () => connections.close(),
  };
}

function fetchedPartition(fetched: FetchedBytes, from: bigint): FetchedPartition {
  const { partition, errorCode, highWatermark } = fetched;
  throwIfFailed(errorCode, `partition ${partition}`);
  const { records, end } = committedRecords(fetched, from);
  const nextOffset = end?.nextOffset ?? from;
  return { partition, records, nextOffset: nextOffset > from ? nextOffset : from, highWatermark };
}

/** Whether an offset was deleted by retention, or never existed. */
export const isOutOfRange = (error: unknown): boolean =>
  error instanceof BrokerAnswerError && error.type === "OFFSET_OUT_OF_RANGE";
