import type { LogIdentity } from "@fiberstream/kafka/records";
import { type PgClient, query } from "@fiberstream/postgres/pool";

/** A row of `sink_offsets`. The ids of the log are empty if the row has none. */
export type StoredRow = {
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly log: LogIdentity;
};

/**
 * Reads the rows of a topic and locks them: it waits for a running write of the sink, and the next write sees the
 * changed rows.
 *
 * @throws {TransientError}
 * @throws {FatalError}
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

/**
 * Sets the next offsets of partitions in this log. Missing rows are created.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function setRows(
  client: PgClient,
  topic: string,
  ends: readonly { readonly partition: number; readonly to: bigint }[],
  log: LogIdentity,
): Promise<void> {
  await query(client, SET_ROWS, [
    topic,
    ends.map(({ partition }) => partition),
    ends.map(({ to }) => to),
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
