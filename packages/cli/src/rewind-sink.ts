import type { PartitionOffsets } from "@fiberstream/kafka/offsets-at";
import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";

/** How far one partition is set back, or ahead. Offsets of the records to be read next. */
export type Move = { readonly partition: number; readonly from: bigint; readonly to: bigint };

export type Target =
  | { readonly kind: "time" }
  /** An offset, in the partitions that have records from there on. */
  | { readonly kind: "offset"; readonly offset: bigint };

/**
 * Sets the sink's stored offsets, which it follows within seconds. What it reads again it leaves out
 * where it is stored already.
 *
 * @param options.offsets what Kafka has of each partition
 * @returns the partitions that were moved: to a time only backwards, to an offset either way
 * @throws {TransientError} @throws {FatalError}
 */
export async function rewindSink(
  pool: PgPool,
  options: {
    topic: string;
    offsets: readonly PartitionOffsets[];
    target: Target;
    dryRun: boolean;
  },
): Promise<Move[]> {
  const { topic, offsets, target, dryRun } = options;
  return inTransaction(pool, async (client) => {
    // Locks them: a write of the sink that is going on is waited for, and the next one finds it moved.
    const rows = await query<{ partition: number; next_offset: string }>(
      client,
      "SELECT partition, next_offset FROM sink_offsets WHERE topic = $1 ORDER BY partition FOR UPDATE",
      [topic],
    );
    const moves = rows.flatMap(({ partition, next_offset }) => {
      const from = BigInt(next_offset);
      const found = offsets.find((entry) => entry.partition === partition);
      if (found === undefined) return [];
      const to = goalOf(found, from, target);
      return to === from ? [] : [{ partition, from, to }];
    });
    for (const { partition, to } of dryRun ? [] : moves) {
      await query(
        client,
        "UPDATE sink_offsets SET next_offset = $3, updated_at = now() WHERE topic = $1 AND partition = $2",
        [topic, partition, to],
      );
    }
    return moves;
  });
}

function goalOf({ low, high, atTime }: PartitionOffsets, from: bigint, target: Target): bigint {
  const wanted = target.kind === "offset" ? target.offset : (atTime ?? high);
  const held = wanted < low ? low : wanted > high ? high : wanted;
  return target.kind === "time" && held > from && from >= low ? from : held;
}

/** How many records of the moves are still to be read again. @throws {TransientError} @throws {FatalError} */
export async function recordsLeft(
  pool: PgPool,
  topic: string,
  moves: readonly Move[],
): Promise<number> {
  const rows = await query<{ partition: number; next_offset: string }>(
    pool,
    "SELECT partition, next_offset FROM sink_offsets WHERE topic = $1",
    [topic],
  );
  const positions = new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
  return moves.reduce((sum, { partition, from, to }) => {
    const left = from - (positions.get(partition) ?? to);
    return sum + Math.max(0, Number(left));
  }, 0);
}
