import { TransientError } from "@fiberstream/runtime/errors";
import { type BrokerAddress, nameOf, type PartitionLeader } from "../../broker/connections.ts";
import { partitionFor } from "../../protocol/murmur2.ts";
import { mostBytesOf } from "../../protocol/record-batch-writer.ts";
import type { OutgoingRecord } from "../../records.ts";
import type { Leaders } from "./leaders.ts";

export type TopicRecords = {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  /** Where all of them go, if the topic has it; else each goes where its key says. */
  readonly partition?: number;
};

/** What goes to one partition. */
export type Destination = {
  readonly topic: string;
  readonly partition: number;
  readonly leader: BrokerAddress;
  readonly records: readonly OutgoingRecord[];
  /** An upper bound of what they take. */
  readonly bytes: number;
};

export const keyOf = ({ topic, partition }: Destination): string => `${topic} ${partition}`;

export type Route = {
  readonly destinations: readonly Destination[];
  /** The brokers that the records go to: what waits for one of them holds back nobody else. */
  readonly brokers: readonly string[];
};

/**
 * Where records go.
 * @throws {TransientError} one of their partitions has no leader now
 * @throws {Error}
 */
export async function routeOf(batches: readonly TopicRecords[], leaders: Leaders): Promise<Route> {
  const destinations: Destination[] = [];
  for (const batch of batches) {
    if (batch.records.length > 0) destinations.push(...(await destinationsOf(batch, leaders)));
  }
  const brokers = new Set(destinations.map(({ leader }) => nameOf(leader)));
  // An offset alone goes the way that records would have gone.
  if (brokers.size === 0)
    (await leadersOfNothing(batches, leaders)).forEach((one) => brokers.add(one));
  return { destinations, brokers: [...brokers].sort() };
}

async function leadersOfNothing(batches: readonly TopicRecords[], leaders: Leaders) {
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
  const destination = (to: number, some: readonly OutgoingRecord[]): Destination => {
    const leader = leaderIn(known, to);
    if (leader === undefined) {
      leaders.forget(topic);
      throw new TransientError("kafka", `partition ${to} of ${topic} has no leader`);
    }
    const bytes = some.reduce((sum, record) => sum + mostBytesOf(record), 0);
    return { topic, partition: to, leader, records: some, bytes };
  };
  if (partition !== undefined && known.has(partition)) return [destination(partition, records)];
  return [...Map.groupBy(records, ({ key }) => partitionFor(key, known.size))].map(([to, some]) =>
    destination(to, some),
  );
}

const leaderIn = (known: ReadonlyMap<number, PartitionLeader>, partition: number) =>
  known.get(partition)?.address;
