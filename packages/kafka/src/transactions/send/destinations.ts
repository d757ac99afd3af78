import { TransientError } from "@fiberstream/runtime/errors";
import { type BrokerAddress, nameOf, type PartitionLeader } from "../../broker/connections.ts";
import { partitionFor } from "../../protocol/murmur2.ts";
import { maxBytesOf } from "../../protocol/record-batch-writer.ts";
import type { OutgoingRecord } from "../../records.ts";
import type { Leaders } from "./leaders.ts";

export type TopicRecords = {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  /** The partition of all records, if the topic has it; otherwise each record's key decides. */
  readonly partition?: number;
};

/** Records for one partition. */
export type Destination = {
  readonly topic: string;
  readonly partition: number;
  readonly leader: BrokerAddress;
  readonly records: readonly OutgoingRecord[];
  /** An upper bound of their size. */
  readonly bytes: number;
};

export const keyOf = ({ topic, partition }: Destination): string => `${topic} ${partition}`;

export type Route = {
  readonly destinations: readonly Destination[];
  /** The leaders of the destinations. */
  readonly brokers: readonly string[];
};

/**
 * Finds the destinations of records.
 * @throws {TransientError} if one of their partitions has no leader
 * @throws {Error}
 */
export async function routeOf(batches: readonly TopicRecords[], leaders: Leaders): Promise<Route> {
  const destinations: Destination[] = [];
  for (const batch of batches) {
    if (batch.records.length > 0) destinations.push(...(await destinationsOf(batch, leaders)));
  }
  const brokers = new Set(destinations.map(({ leader }) => nameOf(leader)));
  // A commit without records uses the queue that its records would have used.
  if (brokers.size === 0)
    (await leadersWithoutRecords(batches, leaders)).forEach((broker) => brokers.add(broker));
  return { destinations, brokers: [...brokers].sort() };
}

async function leadersWithoutRecords(batches: readonly TopicRecords[], leaders: Leaders) {
  const { topic, partition } = batches.find((batch) => batch.partition !== undefined) ?? {};
  if (topic === undefined || partition === undefined) return [];
  const leader = leaderIn(await leaders.of(topic), partition);
  return leader === undefined ? [] : [nameOf(leader)];
}

async function destinationsOf(
  { topic, records, partition }: TopicRecords,
  leaders: Leaders,
): Promise<Destination[]> {
  const known = await leaders.of(topic, (found) => partition === undefined || found.has(partition));
  const destination = (to: number, ofPartition: readonly OutgoingRecord[]): Destination => {
    const leader = leaderIn(known, to);
    if (leader === undefined) {
      leaders.forget(topic);
      throw new TransientError("kafka", `partition ${to} of ${topic} has no leader`);
    }
    const bytes = ofPartition.reduce((sum, record) => sum + maxBytesOf(record), 0);
    return { topic, partition: to, leader, records: ofPartition, bytes };
  };
  if (partition !== undefined && known.has(partition)) return [destination(partition, records)];
  return [...Map.groupBy(records, ({ key }) => partitionFor(key, known.size))].map(
    ([to, ofPartition]) => destination(to, ofPartition),
  );
}

const leaderIn = (known: ReadonlyMap<number, PartitionLeader>, partition: number) =>
  known.get(partition)?.address;
