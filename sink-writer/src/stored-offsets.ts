import type { RecordBatch } from "@fiberstream/kafka/records";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";

/**
 * Where a partition goes on. The database is the truth about what is in it: with no word of a
 * partition everything that Kafka still has is written, whatever the group once committed.
 * @throws {TransientError} @throws {FatalError}
 */
export async function storedPosition(
  pool: PgPool,
  topic: string,
  partition: number,
): Promise<bigint> {
  const [row] = await query<{ next_offset: string }>(pool, SELECT_POSITION, [topic, partition]);
  return BigInt(row?.next_offset ?? 0);
}

/**
 * Moves the partition's stored offset past a batch, if it still stands where the batch begins.
 * The first statement of a batch's transaction: the row stays locked until the commit, so that of two
 * that hold the same records the second waits here, finds the offset moved and rolls back.
 * @throws {TransientError} when it has moved: a try that seemed to fail was committed, or another
 *   member has the partition now
 */
export async function moveOffset(client: PgClient, batch: RecordBatch): Promise<void> {
  const { topic, partition, firstOffset, nextOffset } = batch;
  const moved = await query(client, MOVE_OFFSET, [topic, partition, firstOffset, nextOffset]);
  if (moved.length === 1) return;
  throw new TransientError(
    "postgres",
    `the stored offset of partition ${partition} is not ${firstOffset} any more`,
  );
}

const SELECT_POSITION = `
  SELECT next_offset FROM sink_offsets WHERE topic = $1 AND partition = $2`;

// One statement for the first batch of a partition and for all later ones; no row comes back when
// the offset stands elsewhere.
const MOVE_OFFSET = `
  INSERT INTO sink_offsets AS stored (topic, partition, next_offset)
  VALUES ($1, $2, $4)
  ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset, updated_at = now()
    WHERE stored.next_offset = $3
  RETURNING next_offset`;
