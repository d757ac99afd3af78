import type { KafkaClient } from "./kafka.ts";
import { createCluster, type FetchedPartition, kafkajsFile } from "./kafkajs-cluster.ts";
import type { IncomingRecord } from "./records.ts";

/** Reads topics without being a member of a group: a cache that follows one, a command that looks into one. */
export type ClusterAccess = {
  /** The next records of some partitions, by partition; waits up to `maxWaitMs` for the first one. */
  readonly fetch: (
    topic: string,
    positions: ReadonlyMap<number, bigint>,
    options: { maxWaitMs: number },
  ) => Promise<FetchedPart[]>;
  /** Where each partition of a topic begins now. */
  readonly beginnings: (topic: string) => Promise<Map<number, bigint>>;
  readonly refresh: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type FetchedPart = {
  readonly partition: number;
  /** Committed ones only, without transaction markers. */
  readonly records: readonly IncomingRecord[];
  readonly nextOffset: bigint;
  readonly highWatermark: bigint;
};

const MAX_BYTES_PER_PARTITION = 1_048_576;

/** @throws what kafkajs throws: see `kafkaFailure` */
export async function connectCluster(kafka: KafkaClient): Promise<ClusterAccess> {
  const cluster = createCluster(kafka);
  await cluster.connect();

  const partitionsOf = async (topic: string) => {
    await cluster.addTargetTopic(topic);
    await cluster.refreshMetadataIfNecessary();
    return cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
  };

  const fetchFrom = async (
    nodeId: string,
    topic: string,
    positions: readonly (readonly [number, bigint])[],
    maxWaitMs: number,
  ): Promise<FetchedPart[]> => {
    const broker = await cluster.findBroker({ nodeId });
    const { responses } = await broker.fetch({
      maxWaitTime: maxWaitMs,
      minBytes: 1,
      maxBytes: 10 * MAX_BYTES_PER_PARTITION,
      isolationLevel: READ_COMMITTED,
      topics: [
        {
          topic,
          partitions: positions.map(([partition, offset]) => ({
            partition,
            fetchOffset: offset.toString(),
            maxBytes: MAX_BYTES_PER_PARTITION,
          })),
        },
      ],
    });
    const from = new Map(positions);
    return responses.flatMap(({ partitions }) =>
      partitions.map((data) => partOf(topic, from.get(data.partition) ?? 0n, data)),
    );
  };

  return {
    fetch: async (topic, positions, { maxWaitMs }) => {
      await partitionsOf(topic);
      const byLeader = cluster.findLeaderForPartitions(topic, [...positions.keys()]);
      const parts = await Promise.all(
        Object.entries(byLeader).map(([nodeId, partitions]) =>
          fetchFrom(
            nodeId,
            topic,
            partitions.map((partition) => [partition, positions.get(partition) ?? 0n]),
            maxWaitMs,
          ),
        ),
      );
      return parts.flat();
    },
    beginnings: async (topic) => {
      const partitions = (await partitionsOf(topic)).map((partition) => ({ partition }));
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: true }]);
      return new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    },
    refresh: () => cluster.refreshMetadata(),
    close: () => cluster.disconnect(),
  };
}

const READ_COMMITTED = 1;

function partOf(topic: string, from: bigint, data: FetchedPartition): FetchedPart {
  const batch = new Batch(topic, from.toString(), data);
  const isEmpty = batch.rawMessages.length === 0;
  return {
    partition: data.partition,
    records: batch.messages,
    nextOffset: isEmpty ? from : BigInt(batch.lastOffset()) + 1n,
    highWatermark: BigInt(data.highWatermark),
  };
}

const Batch = kafkajsFile("kafkajs/src/consumer/batch") as new (
  topic: string,
  fetchedOffset: string,
  data: FetchedPartition,
) => {
  messages: IncomingRecord[];
  rawMessages: readonly unknown[];
  lastOffset: () => string;
};

/** Whether a position has been deleted by retention, or was never there. */
export const isOutOfRange = (error: unknown): boolean =>
  error instanceof Error && error.name === "KafkaJSOffsetOutOfRange";
