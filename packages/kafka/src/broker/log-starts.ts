import { type Connections, nameOf } from "./connections.ts";
import { listOffsets } from "./list-offsets.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { LogIdentity } from "../records.ts";

export type LogStarts = {
  readonly log: LogIdentity;
  /** All that the topic has. */
  readonly partitions: readonly number[];
  /** The first offset that there is, by partition; those are missing whose leader does not say at the moment. */
  readonly starts: ReadonlyMap<number, bigint>;
};

/**
 * Where a topic's partitions begin now: behind 0 once retention has deleted something.
 * @throws {TransientError} when Kafka is unavailable or lacks the topic
 * @throws {FatalError}
 */
export async function readLogStarts(connections: Connections, topic: string): Promise<LogStarts> {
  const { log, leaders } = await connections.topicMetadata(topic).catch((error: unknown) => {
    throw kafkaFailure(error);
  });
  const partitions = [...leaders.keys()];
  const state = {
    log: () => log,
    partitions: () => partitions,
    leaderOf: (partition: number) => leaders.get(partition),
    refreshSoon: () => undefined,
  };
  // Each broker by itself: one that is frozen leaves the others' answers alone.
  const byLeader = Map.groupBy(partitions, (partition) => {
    const address = leaders.get(partition)?.address;
    return address && nameOf(address);
  });
  const starts = new Map<number, bigint>();
  const ask = async (led: readonly number[]) => {
    const known = await listOffsets({ connections, state, topic }, led, "beginning");
    for (const [partition, start] of known) starts.set(partition, start);
  };
  await Promise.allSettled(Array.from(byLeader.values(), ask));
  return { log, partitions, starts };
}
