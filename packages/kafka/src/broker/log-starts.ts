import { byLeader } from "./by-leader.ts";
import type { Connections } from "./connections.ts";
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
  const leaderOf = (partition: number) => leaders.get(partition);
  const state = { leaderOf, refreshSoon: () => undefined };
  const starts = new Map<number, bigint>();
  // Each broker by itself, so that a frozen one does not affect the answers of others.
  const asked = byLeader(partitions, leaderOf).map(async ({ partitions: led }) => {
    const ofLeader = led.map(({ partition }) => partition);
    const known = await listOffsets({ connections, state, topic }, ofLeader, "beginning");
    for (const [partition, start] of known) starts.set(partition, start);
  });
  await Promise.allSettled(asked);
  return { log, partitions, starts };
}
