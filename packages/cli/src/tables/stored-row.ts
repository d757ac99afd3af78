import type { LogIdentity } from "@fiberstream/kafka/records";
import { type PgClient, query } from "@fiberstream/postgres/pool";

/** A row of `sink_offsets`. The log's ids are empty where the row does not say. */
export type StoredRow = {
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly log: LogIdentity;
};

/**
 * Reads a topic's rows and locks them: a write of the sink that is going on is waited for, and the next one finds
 * what was made of them. @throws {TransientError} @throws {FatalError}
 */
export async function lockRows(client: PgClient, topic: string): Promise<StoredRow[]> {
  const rows = await query<{
    partition: number;
    next_offset: string;
    cluster_id: string | null;
    topic_id: string | null;
  }>(client, LOCK_ROWS, [topic]);
  return rows.map(({ partition, next_offset, cluster_id, topic_id }) => ({
    partition,
    nextOffset: BigInt(next_offset),
    log: { clusterId: cluster_id ?? "", topicId: topic_id ?? "" },
  }));
}

/** Sets where partitions go on in this log, their rows made where they are missing. @throws {TransientError} @throws {FatalError} */
export async function setRows(
  client: PgClient,
  topic: string,
  goals: readonly { readonly partition: number; readonly to: bigint }[],
  log: LogIdentity,
): Promise<void> {
  await query(client, SET_ROWS, [
    topic,
    goals.map(({ partition }) => partition),
    goals.map(({ to }) => to),
    log.clusterId || null,
    log.topicId || null,
  ]);
}

const LOCK_ROWS = `
  SELECT partition, next_offset, cluster_id, topic_id
  FROM sink_offsets WHERE topic = $1 ORDER BY partition FOR UPDATE`;

const SET_ROWS = `
  INSERT INTO sink_offsets AS stored (topic, partition, next_offset, cluster_id, topic_id)
  SELECT $1, partition, next_offset, $4, $5
  FROM unnest($2::integer[], $3::bigint[]) AS goal (partition, next_offset)
  ORDER BY partition
  ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset,
        cluster_id = coalesce(excluded.cluster_id, stored.cluster_id),
        topic_id = coalesce(excluded.topic_id, stored.topic_id),
        leader_epoch = NULL,
        leader_epoch_at = NULL,
        updated_at = now()`;
