import { TransientError } from "@fiberstream/runtime/errors";
import { listOffsetsV7 } from "@platformatic/kafka";
import { BrokerAnswerError, throwIfFailed } from "../broker/broker-answer.ts";
import {
  type BrokerAddress,
  createConnections,
  nameOf,
  type TopicMetadata,
} from "../broker/connections.ts";
import { committedRecords } from "../protocol/committed-records.ts";
import { fetchApi, type FetchedBytes } from "../protocol/fetch-request.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { IncomingRecord } from "../records.ts";

/** Reads topics without being a member of a group: a cache that follows one, a command that looks into one. */
export type ClusterAccess = {
  /** The next records of some partitions, by partition; waits up to `maxWaitMs` for the first one. */
  readonly fetch: (
    topic: string,
    positions: ReadonlyMap<number, bigint>,
    options: { maxWaitMs: number },
  ) => Promise<FetchedPartition[]>;
  /** Where each partition of a topic begins now. */
  readonly beginnings: (topic: string) => Promise<Map<number, bigint>>;
  /** Where one partition begins now, and where its next record will be. The others are not asked for. */
  readonly ends: (topic: string, partition: number) => Promise<{ low: bigint; high: bigint }>;
  /** Which log a topic is now, and its partitions. */
  readonly topic: (topic: string) => Promise<{ topicId: string; partitions: readonly number[] }>;
  /** Forgets who leads what: the next call asks for it. */
  readonly refresh: () => void;
  readonly close: () => Promise<void>;
};

export type FetchedPartition = {
  readonly partition: number;
  /** Committed ones only, without transaction markers. */
  readonly records: readonly IncomingRecord[];
  readonly nextOffset: bigint;
  readonly highWatermark: bigint;
};

const MAX_BYTES_PER_PARTITION = 1_048_576;
const READ_COMMITTED = 1;
const READ_UNCOMMITTED = 0;
const BEGINNING = -2n;
const END = -1n;
const PATIENCE_MS = 5_000;

/** Connects at the first call. Its functions throw {TransientError} and {FatalError}. */
export function connectCluster(kafka: KafkaClient): ClusterAccess {
  const connections = createConnections(kafka);
  const known = new Map<string, TopicMetadata>();

  const metadataOf = async (topic: string): Promise<TopicMetadata> => {
    const metadata = known.get(topic) ?? (await connections.topicMetadata(topic));
    known.set(topic, metadata);
    return metadata;
  };

  /** Partitions by the broker that leads them. @throws {TransientError} when nobody leads one */
  const byLeader = ({ leaders }: TopicMetadata, topic: string, partitions: Iterable<number>) => {
    const led = Array.from(partitions, (partition) => {
      const address = leaders.get(partition)?.address;
      if (address !== undefined) return { partition, address };
      throw new TransientError("kafka", `nobody leads partition ${partition} of ${topic}`);
    });
    return [...Map.groupBy(led, ({ address }) => nameOf(address)).values()].map((some) => ({
      address: (some[0] as { address: BrokerAddress }).address,
      partitions: some.map(({ partition }) => partition),
    }));
  };

  const fetchFrom = async (
    broker: BrokerAddress,
    { log, leaders }: TopicMetadata,
    positions: readonly (readonly [number, bigint])[],
    maxWaitMs: number,
  ): Promise<FetchedPartition[]> => {
    const answer = await connections.call(
      broker,
      "reader",
      { api: fetchApi, timeoutMs: maxWaitMs + PATIENCE_MS },
      maxWaitMs,
      1,
      10 * MAX_BYTES_PER_PARTITION,
      READ_COMMITTED,
      0,
      -1,
      [
        {
          topicId: log.topicId,
          partitions: positions.map(([partition, fetchOffset]) => ({
            partition,
            currentLeaderEpoch: leaders.get(partition)?.epoch ?? -1,
            fetchOffset,
            lastFetchedEpoch: -1,
            partitionMaxBytes: MAX_BYTES_PER_PARTITION,
          })),
        },
      ],
      [],
      "",
    );
    throwIfFailed(answer.errorCode, `fetch from ${nameOf(broker)}`);
    const from = new Map(positions);
    return answer.partitions.map((fetched) =>
      fetchedPartition(fetched, from.get(fetched.partition) ?? 0n),
    );
  };

  const offsetsAt = async (
    broker: BrokerAddress,
    topic: string,
    partitions: number[],
    timestamp: bigint,
  ) => {
    const asked = partitions.map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp,
    }));
    const request = { api: listOffsetsV7.api };
    const { topics } = await connections.call(broker, "reader", request, -1, READ_UNCOMMITTED, [
      { name: topic, partitions: asked },
    ]);
    return topics
      .flatMap((one) => one.partitions)
      .map(({ partitionIndex, errorCode, offset }) => {
        throwIfFailed(errorCode, `offsets of ${topic} ${partitionIndex}`);
        return [partitionIndex, offset] as const;
      });
  };

  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      known.clear();
      throw isOutOfRange(error) ? error : kafkaFailure(error);
    }
  };

  return {
    fetch: (topic, positions, { maxWaitMs }) =>
      failing(async () => {
        const metadata = await metadataOf(topic);
        const parts = await Promise.all(
          byLeader(metadata, topic, positions.keys()).map(({ address, partitions }) =>
            fetchFrom(
              address,
              metadata,
              partitions.map((partition) => [partition, positions.get(partition) ?? 0n]),
              maxWaitMs,
            ),
          ),
        );
        return parts.flat();
      }),
    beginnings: (topic) =>
      failing(async () => {
        const metadata = await metadataOf(topic);
        const asked = byLeader(metadata, topic, metadata.leaders.keys());
        const found = await Promise.all(
          asked.map(({ address, partitions }) => offsetsAt(address, topic, partitions, BEGINNING)),
        );
        return new Map(found.flat());
      }),
    ends: (topic, partition) =>
      failing(async () => {
        const [led] = byLeader(await metadataOf(topic), topic, [partition]);
        const ask = async (timestamp: bigint) => {
          const found = led && (await offsetsAt(led.address, topic, [partition], timestamp));
          const [, offset] = found?.[0] ?? [];
          if (offset !== undefined) return offset;
          throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
        };
        // In this order the end is not before the beginning, whatever retention deletes meanwhile.
        const low = await ask(BEGINNING);
        return { low, high: await ask(END) };
      }),
    topic: (topic) =>
      failing(async () => {
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

/** Whether a position has been deleted by retention, or was never there. */
export const isOutOfRange = (error: unknown): boolean =>
  error instanceof BrokerAnswerError && error.type === "OFFSET_OUT_OF_RANGE";
