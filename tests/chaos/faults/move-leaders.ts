import { setTimeout as delay } from "node:timers/promises";
import { electLeaders } from "@fiberstream/testkit/elect-leaders";
import { until } from "@fiberstream/testkit/until";
import { retryWithAdmin, RETRY_FOR_MS } from "./with-admin.ts";

const OF_EVENTS = ["probe.metrics.raw", "probe.metrics.enriched"] as const;
/** The topics whose partition leaders are the coordinators of groups and transactions. */
const OF_COORDINATORS = ["__consumer_offsets", "__transaction_state"] as const;
const ELECT_EVERY_MS = 1_500;

/**
 * Elects other leaders for all partitions of events, groups and transactions, repeatedly: it rotates the order of the
 * replicas by one, then elects the preferred leaders.
 */
export async function moveLeaders(brokers: readonly string[], lastsMs: number): Promise<void> {
  for (const endMs = performance.now() + lastsMs; performance.now() < endMs;) {
    await reassign(brokers, [...OF_EVENTS, ...OF_COORDINATORS], ([first = 0, ...rest]) => [
      ...rest,
      first,
    ]);
    await until(() => electLeaders(brokers, "preferred"), {
      what: "preferred leaders are elected",
      timeoutMs: RETRY_FOR_MS,
    });
    await delay(ELECT_EVERY_MS);
  }
}

/** Removes the leader's replica of every partition of events, and adds it again. */
export async function movePartitions(brokers: readonly string[]): Promise<void> {
  const leaders = await reassign(brokers, OF_EVENTS, (replicas, leader) =>
    replicas.filter((replica) => replica !== leader),
  );
  await reassign(brokers, OF_EVENTS, (replicas, _leader, place) => {
    const before = leaders.get(place);
    return before === undefined || replicas.includes(before)
      ? [...replicas]
      : [...replicas, before];
  });
}

/**
 * Reassigns each partition to the replicas of `wanted`, and waits until it has them.
 * @returns the previous leader of each partition
 */
async function reassign(
  brokers: readonly string[],
  names: readonly string[],
  wanted: (replicas: readonly number[], leader: number, place: string) => number[],
): Promise<Map<string, number>> {
  const { topics } = await retryWithAdmin(brokers, "every partition has a leader", (admin) =>
    admin.fetchTopicMetadata({ topics: [...names] }),
  );
  await retryWithAdmin(brokers, "the reassignment is accepted", async (admin) => {
    await admin.alterPartitionReassignments({
      topics: topics.map(({ name, partitions }) => ({
        topic: name,
        partitionAssignment: partitions.map(({ partitionId, replicas, leader }) => ({
          partition: partitionId,
          replicas: wanted(replicas, leader, `${name} ${partitionId}`),
        })),
      })),
    });
    return true;
  });
  await retryWithAdmin(brokers, "every partition has its new replicas", async (admin) => {
    const { topics: moving } = await admin.listPartitionReassignments({});
    return moving.every(({ topic }) => !names.includes(topic));
  });
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionId, leader }) => [`${name} ${partitionId}`, leader] as const),
    ),
  );
}
