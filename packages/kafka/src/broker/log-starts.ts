import { type Connections, nameOf } from "./connections.ts";
import { listOffsets } from "./list-offsets.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { LogIdentity } from "../records.ts";

export type LogStarts = {
  readonly log: LogIdentity;
  /** All partitions of the topic. */
  readonly partitions: readonly number[];
  /** The log start offsets, by partition, except partitions whose leader does not answer. */
  readonly starts: ReadonlyMap<number, bigint>;
};

/**
 * Returns the log start offsets of a topic's partitions: above 0 once retention has deleted records.
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
  // Each broker by itself, so that a frozen one does not affect the answers of others.
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
