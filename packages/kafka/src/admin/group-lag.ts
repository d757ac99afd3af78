import { type ClusterAccess, connectCluster } from "../reader/cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import { partitionEnds } from "./partition-ends.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

export type GroupLag = {
  readonly groupId: string;
  /** The broker's name of it: Stable, Empty, … */
  readonly state: string;
  readonly members: number;
  /** Records after the committed offsets, transaction markers included. */
  readonly records: number;
  /** Age of the oldest uncommitted record; 0 if there is none. */
  readonly seconds: number;
  /** Partitions with a committed offset. */
  readonly partitions: number;
  /** Those of them without a leader: their lag is not in `records`. */
  readonly leaderless: number;
};

const MAX_WAIT_MS = 500;

/**
 * Returns the groups that have committed offsets of a topic, with the lag of each.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function groupLags(options: {
  kafka: KafkaClient;
  topic: string;
  nowMs: number;
}): Promise<GroupLag[]> {
  const { kafka, topic, nowMs } = options;
  return withAdmin(kafka, async (admin) => {
    const cluster = connectCluster(kafka);
    try {
      const ends = await partitionEnds({ kafka, topic });
      const { groups } = await admin.listGroups();
      const lags: GroupLag[] = [];
      for (const { groupId } of groups) {
        const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const known = (committed?.partitions ?? []).filter(({ offset }) => offset !== "-1");
        if (known.length === 0) continue;
        const behind = known.flatMap(({ partition, offset }) => {
          const records = Number((ends.get(partition)?.high ?? 0n) - BigInt(offset));
          return records > 0 ? [{ partition, offset: BigInt(offset), records }] : [];
        });
        const { groups: described } = await admin.describeGroups([groupId]);
        const oldestMs = await oldestOf(cluster, topic, behind);
        lags.push({
          groupId,
          state: described[0]?.state ?? "unknown",
          members: described[0]?.members.length ?? 0,
          records: behind.reduce((sum, { records }) => sum + records, 0),
          seconds: oldestMs === undefined ? 0 : Math.max(0, nowMs - oldestMs) / 1_000,
          partitions: known.length,
          leaderless: known.filter(({ partition }) => !ends.has(partition)).length,
        });
      }
      return lags.toSorted((a, b) => a.groupId.localeCompare(b.groupId));
    } finally {
      await cluster.close();
    }
  });
}

/** Returns the earliest timestamp at some offsets; one fetch for each partition, which may find transaction markers only. */
async function oldestOf(
  cluster: ClusterAccess,
  topic: string,
  positions: readonly { partition: number; offset: bigint }[],
): Promise<number | undefined> {
  let oldestMs: number | undefined;
  for (const { partition, offset } of positions) {
    const fetched = await cluster.fetch(topic, new Map([[partition, offset]]), {
      maxWaitMs: MAX_WAIT_MS,
    });
    const first = fetched[0]?.records[0];
    if (first === undefined) continue;
    oldestMs = Math.min(oldestMs ?? Infinity, Number(first.timestamp));
  }
  return oldestMs;
}
