import type { RecordBatch } from "@fiberstream/kafka/records";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { addLines, linesIn, linesJson } from "./books-table.ts";
import { type BookedWrite, type IsBooked, linesOf } from "./write-lines.ts";

/**
 * Adds a write to the sink's books, in the write's transaction: rows and books are stored, or lost, together. The position
 * of the books is stored apart from the sink's own offset, which an operator may rewind: records that are read again
 * after that are in the books already.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function updateBooks(client: PgClient, write: BookedWrite): Promise<void> {
  const { batches } = write;
  const values = [
    batches.map(({ partition }) => partition),
    batches.map(({ firstOffset }) => firstOffset),
    batches.map(({ nextOffset }) => nextOffset),
    batches.map(({ log }) => log.topicId),
    linesJson(linesOf(write)),
  ];
  // A prepared statement: half of its time was planning (0.5 ms of 1).
  const { rows: moved } = await client.query<{ partition: number }>({
    name: "update-books",
    text: ADD_IN_SEQUENCE,
    values,
  });
  if (moved.length === batches.length) return;
  const done = new Set(moved.map(({ partition }) => partition));
  const isLeft = (batch: RecordBatch) => !done.has(batch.partition);
  await addOutOfSequence(client, write, batches.filter(isLeft));
}

/** Adds batches that do not begin at the position of the books: the books are new, offsets were skipped, or are read again. */
async function addOutOfSequence(
  client: PgClient,
  write: BookedWrite,
  batches: readonly RecordBatch[],
): Promise<void> {
  const partitions = batches.map(({ partition }) => partition);
  const positions = new Map(
    (await query<PositionRow>(client, SELECT_POSITIONS, [partitions])).map(
      ({ partition, next_offset, log }) => [partition, { next: BigInt(next_offset), log }],
    ),
  );
  const skipped = await readSkipped(client, partitions);

  const known = (batch: RecordBatch) => {
    const position = positions.get(batch.partition);
    return position && isSameLog(position.log, batch.log.topicId) ? position : undefined;
  };
  const batchOf = new Map(batches.map((batch) => [batch.partition, batch]));
  const isBooked: IsBooked = (partition, offset) => {
    const batch = batchOf.get(partition);
    // The first statement has added this partition.
    if (batch === undefined) return true;
    const at = BigInt(offset);
    const isSkipped = skipped.some(
      (range) => range.partition === partition && range.from <= at && at < range.to,
    );
    return at < (known(batch)?.next ?? 0n) && !isSkipped;
  };
  const lines = linesOf(write, isBooked).filter(({ partition }) => batchOf.has(partition));

  for (const batch of batches) {
    const { partition, firstOffset, nextOffset, log } = batch;
    const own = lines.filter((line) => line.partition === partition).map(({ minute }) => minute);
    const position = known(batch);
    if (position === undefined) {
      const completeAfter = firstOffset > 0n ? lastOf(own) * 60 : null;
      await query(client, BEGIN_BOOKS, [partition, log.topicId, nextOffset, completeAfter]);
      await query(client, FORGET_BREAKS, [partition]);
      continue;
    }
    if (firstOffset > position.next) {
      const { next } = position;
      await query(client, SKIP, [partition, next, firstOffset, firstOf(own) * 60]);
    }
    for (const range of skipped.filter((found) => found.partition === partition)) {
      await readSkippedAgain(client, range, batch);
    }
    await query(client, MOVE_BOOKS, [partition, nextOffset, log.topicId]);
  }
  await query(client, ADD, [linesJson(lines)]);
}

type SkippedRange = { readonly partition: number; readonly from: bigint; readonly to: bigint };

async function readSkipped(
  client: PgClient,
  partitions: readonly number[],
): Promise<SkippedRange[]> {
  const rows = await query<{ partition: number; from_offset: string; to_offset: string }>(
    client,
    SELECT_SKIPPED,
    [partitions],
  );
  return rows.map(({ partition, from_offset, to_offset }) => ({
    partition,
    from: BigInt(from_offset),
    to: BigInt(to_offset),
  }));
}

/** Replaces a skipped range by what is left of it after a batch has read some of it. */
async function readSkippedAgain(
  client: PgClient,
  { partition, from, to }: SkippedRange,
  { firstOffset, nextOffset }: RecordBatch,
): Promise<void> {
  if (nextOffset <= from || firstOffset >= to) return;
  const rest = [
    { from, to: firstOffset },
    { from: nextOffset, to },
  ].filter((range) => range.from < range.to && range.from >= from && range.to <= to);
  const [taken] = await query<{ minute: number }>(client, TAKE_SKIPPED, [partition, from]);
  for (const range of rest) {
    await query(client, SKIP, [partition, range.from, range.to, (taken?.minute ?? 0) * 60]);
  }
}

/** An unknown id ("") counts as the same. */
const isSameLog = (left: string, right: string) => left === "" || right === "" || left === right;

const lastOf = (minutes: readonly number[]) =>
  minutes.length > 0 ? Math.max(...minutes) : minuteNow();
const firstOf = (minutes: readonly number[]) =>
  minutes.length > 0 ? Math.min(...minutes) : minuteNow();
const minuteNow = () => Math.floor(wallNowMs() / 60_000);

type PositionRow = { partition: number; next_offset: string; log: string };

const ADD = addLines("sink", linesIn("$1"));

// One statement instead of three, to save two round trips of each write.
const ADD_IN_SEQUENCE = `
  WITH moved AS (
    UPDATE reconciliation_positions AS position SET next_offset = batch.next_offset
    FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::text[])
      AS batch (partition, first_offset, next_offset, log)
    WHERE position.stage = 'sink' AND position.partition = batch.partition
      AND position.next_offset = batch.first_offset AND position.log = batch.log
    RETURNING position.partition
  ), added AS (${addLines("sink", `${linesIn("$5")} JOIN moved USING (partition)`)}
  )
  SELECT partition FROM moved`;

const SELECT_POSITIONS = `
  SELECT partition, next_offset, log FROM reconciliation_positions
  WHERE stage = 'sink' AND partition = ANY ($1::integer[])`;

const BEGIN_BOOKS = `
  INSERT INTO reconciliation_positions (stage, partition, log, next_offset, complete_after)
  VALUES ('sink', $1, $2, $3, to_timestamp($4))
  ON CONFLICT (stage, partition) DO UPDATE
    SET log = excluded.log, next_offset = excluded.next_offset,
        complete_after = excluded.complete_after`;

const MOVE_BOOKS = `
  UPDATE reconciliation_positions
  SET next_offset = greatest(next_offset, $2), log = CASE WHEN $3 = '' THEN log ELSE $3 END
  WHERE stage = 'sink' AND partition = $1`;

const FORGET_BREAKS = "DELETE FROM reconciliation_breaks WHERE stage = 'sink' AND partition = $1";

const SKIP = `
  INSERT INTO reconciliation_breaks (stage, partition, kind, from_offset, to_offset, events, minute)
  VALUES ('sink', $1, 'skipped', $2, $3, $3::bigint - $2::bigint, to_timestamp($4))
  ON CONFLICT DO NOTHING`;

const SELECT_SKIPPED = `
  SELECT partition, from_offset, to_offset FROM reconciliation_breaks
  WHERE stage = 'sink' AND kind = 'skipped' AND partition = ANY ($1::integer[])`;

const TAKE_SKIPPED = `
  DELETE FROM reconciliation_breaks
  WHERE stage = 'sink' AND kind = 'skipped' AND partition = $1 AND from_offset = $2
  RETURNING (extract(epoch FROM minute) / 60)::integer AS minute`;
