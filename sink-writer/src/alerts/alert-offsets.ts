import { type PgPool, query } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";

export type AlertOffsets = {
  /**
   * Returns the next offset of each partition of the topic with this id.
   * @throws {TransientError}
   */
  readonly read: (topicId: string) => Promise<ReadonlyMap<number, bigint>>;
  /**
   * Stores that a partition is written up to here.
   * @throws {TransientError} also when the database has lost what it had stored: read the positions again
   */
  readonly move: (partition: number, nextOffset: bigint) => Promise<void>;
};

/**
 * Keeps in `alert_offsets` where to resume. Several sinks write the same records, so that an offset never goes back: one
 * that is below what was stored before was lost, with the alerts before it, when a standby took over that lagged.
 */
export function createAlertOffsets({ pool, topic }: { pool: PgPool; topic: string }): AlertOffsets {
  let topicId = "";
  const stored = new Map<number, bigint>();

  return {
    read: async (id) => {
      topicId = id;
      stored.clear();
      const rows = await query<{ partition: number; next_offset: string }>(pool, SELECT, [
        topic,
        topicId,
      ]);
      for (const { partition, next_offset } of rows) stored.set(partition, BigInt(next_offset));
      return new Map(stored);
    },
    move: async (partition, nextOffset) => {
      const [row] = await query<{ partition: number }>(pool, MOVE, [
        topic,
        partition,
        topicId,
        nextOffset,
        stored.get(partition) ?? 0n,
      ]);
      if (row === undefined) {
        throw new TransientError(
          "postgres",
          `the database has lost alerts of partition ${partition} of ${topic}: they are written again`,
        );
      }
      stored.set(partition, nextOffset);
    },
  };
}

const SELECT = `
  SELECT partition, next_offset FROM alert_offsets WHERE topic = $1 AND topic_id = $2`;

// A row that is missing although it was stored before, or is below what was stored, is left as it is.
const MOVE = `
  INSERT INTO alert_offsets AS stored (topic, partition, topic_id, next_offset)
  SELECT $1, $2::integer, $3, $4::bigint
  WHERE $5::bigint = 0 OR EXISTS (SELECT FROM alert_offsets WHERE topic = $1 AND partition = $2::integer)
  ON CONFLICT (topic, partition) DO UPDATE
    SET topic_id = excluded.topic_id, updated_at = now(),
        next_offset = CASE stored.topic_id
          WHEN excluded.topic_id THEN greatest(stored.next_offset, excluded.next_offset)
          ELSE excluded.next_offset
        END
    WHERE stored.topic_id <> excluded.topic_id OR stored.next_offset >= $5::bigint
  RETURNING partition`;
