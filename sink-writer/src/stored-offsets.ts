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

/** Where all of a topic's partitions go on. @throws {TransientError} @throws {FatalError} */
export async function storedPositions(pool: PgPool, topic: string): Promise<Map<number, bigint>> {
  const rows = await query<{ partition: number; next_offset: string }>(pool, SELECT_POSITIONS, [
    topic,
  ]);
  return new Map(rows.map(({ partition, next_offset }) => [partition, BigInt(next_offset)]));
}

/**
 * Moves the stored offsets of the batches' partitions past them, if each still stands where its batch begins.
 * The first statement of a write's transaction: the rows stay locked until the commit, so that of two
 * that hold the same records the second waits here, finds the offset moved and rolls back.
 * @throws {TransientError} when one has moved: a try that seemed to fail was committed, or another
 *   member has the partition now
 */
export async function moveOffsets(
  client: PgClient,
  batches: readonly RecordBatch[],
): Promise<void> {
  const moved = await query<{ partition: number }>(client, MOVE_OFFSETS, [
    batches[0]?.topic,
    batches.map(({ partition }) => partition),
    batches.map(({ firstOffset }) => firstOffset),
    batches.map(({ nextOffset }) => nextOffset),
  ]);
  if (moved.length === batches.length) return;
  const done = new Set(moved.map(({ partition }) => partition));
  const stuck = batches.find(({ partition }) => !done.has(partition));
  throw new TransientError(
    "postgres",
    `the stored offset of partition ${stuck?.partition} is not ${stuck?.firstOffset} any more`,
  );
}

const SELECT_POSITION = `
  SELECT next_offset FROM sink_offsets WHERE topic = $1 AND partition = $2`;

const SELECT_POSITIONS = `
  SELECT partition, next_offset FROM sink_offsets WHERE topic = $1`;

// One statement for the first batch of a partition and for all later ones; no row comes back when
// the offset stands elsewhere. In the partitions' order, so that two that have the same ones wait for
// each other in the same order.
const MOVE_OFFSETS = `
  INSERT INTO sink_offsets AS stored (topic, partition, next_offset)
  SELECT $1, partition, next_offset
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[])
    AS batch (partition, first_offset, next_offset)
  ORDER BY partition
  ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset, updated_at = now()
    WHERE stored.next_offset = ($3::bigint[])[array_position($2::integer[], stored.partition)]
  RETURNING partition`;
