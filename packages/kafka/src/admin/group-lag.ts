import { type ClusterAccess, connectCluster } from "../reader/cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { partitionEnds } from "./partition-ends.ts";

export type GroupLag = {
  readonly groupId: string;
  /** As the broker calls it: Stable, Empty, … */
  readonly state: string;
  readonly members: number;
  /** After the committed offsets, markers of transactions counted in. */
  readonly records: number;
  /** Age of the oldest record that is not committed; 0 when there is none. */
  readonly seconds: number;
  /** Partitions of which the group has committed something. */
  readonly partitions: number;
  /** Those of them that have no leader: what the group lags there is not in the lag above. */
  readonly leaderless: number;
};

const MAX_WAIT_MS = 500;

/**
 * The groups that have committed offsets of a topic, and how far behind each is.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function groupLags(options: {
  kafka: KafkaClient;
  topic: string;
  nowMs: number;
}): Promise<GroupLag[]> {
  const { kafka, topic, nowMs } = options;
  const admin = kafka.admin();
  const cluster = connectCluster(kafka);
  try {
    await admin.connect();
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
  } catch (error) {
    throw kafkaFailure(error);
  } finally {
    await cluster.close();
    await admin.disconnect();
  }
}

/** The earliest timestamp at some offsets; one fetch of each partition, which may find markers alone. */
async function oldestOf(
  cluster: ClusterAccess,
  topic: string,
  places: readonly { partition: number; offset: bigint }[],
): Promise<number | undefined> {
  let oldestMs: number | undefined;
  for (const { partition, offset } of places) {
    const parts = await cluster.fetch(topic, new Map([[partition, offset]]), {
      maxWaitMs: MAX_WAIT_MS,
    });
    const first = parts[0]?.records[0];
    if (first === undefined) continue;
    oldestMs = Math.min(oldestMs ?? Infinity, Number(first.timestamp));
  }
  return oldestMs;
}
