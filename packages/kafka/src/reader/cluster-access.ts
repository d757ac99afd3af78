import { TransientError } from "@fiberstream/runtime/errors";
import { BrokerAnswerError, throwIfFailed } from "../broker/broker-answer.ts";
import {
  type BrokerAddress,
  createConnections,
  nameOf,
  type TopicMetadata,
} from "../broker/connections.ts";
import { committedRecords } from "../protocol/committed-records.ts";
import { askForOffsets, type Edge } from "../broker/list-offsets.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";
import { fetchFrom } from "../fetch/fetch-from.ts";
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
   * Partitions by the broker that leads them.
   * @throws {TransientError} when nobody leads one
   */
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

  const fetchOf = async (
    broker: BrokerAddress,
    { log: { topicId }, leaders }: TopicMetadata,
    positions: readonly (readonly [number, bigint])[],
    waitMs: number,
  ): Promise<FetchedPartition[]> => {
    const fetched = await fetchFrom(connections.call, broker, {
      channel: CHANNEL,
      topicId,
      partitions: positions.map(([partition, offset]) => ({
        partition,
        offset,
        currentLeaderEpoch: leaders.get(partition)?.epoch ?? -1,
        lastFetchedEpoch: -1,
      })),
      minBytes: 1,
      waitMs,
      maxBytes: 10 * MAX_BYTES_PER_PARTITION,
      maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
    });
    const from = new Map(positions);
    return fetched.map((one) => fetchedPartition(one, from.get(one.partition) ?? 0n));
  };

  const offsetsOf = (leader: BrokerAddress, topic: string, partitions: number[], edge: Edge) =>
    askForOffsets(connections.call, leader, {
      topic,
      partitions: partitions.map((partition) => ({ partition, epoch: -1 })),
      edge,
      channel: CHANNEL,
    });

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
            fetchOf(
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
          asked.map(({ address, partitions }) =>
            offsetsOf(address, topic, partitions, "beginning"),
          ),
        );
        return new Map(found.flat());
      }),
    ends: (topic, partition) =>
      failing(async () => {
        const [led] = byLeader(await metadataOf(topic), topic, [partition]);
        const ask = async (edge: Edge) => {
          const found = led && (await offsetsOf(led.address, topic, [partition], edge));
          const [, offset] = found?.[0] ?? [];
          if (offset !== undefined) return offset;
          throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
        };
        // In this order the end is not before the beginning, whatever retention deletes meanwhile.
        const low = await ask("beginning");
        return { low, high: await ask("end") };
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
