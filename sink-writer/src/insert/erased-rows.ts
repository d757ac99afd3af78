import type { PgClient } from "@fiberstream/postgres/pool";

/** Earlier than any event. */
export const NOTHING_ERASED = -Infinity;

/**
 * Returns before which time an event has to be received to be among those that operators have erased (`fiber erase`), in
 * microseconds since 1970. Kafka has such events for a while: a sink that reads them again, after a rewind, must not bring
 * them back. In the transaction of the rows, because an erasure may have been recorded since the last write.
 */
export async function readErasedBefore(client: PgClient): Promise<number> {
  const { rows } = await client.query<{ micros: number | null }>(NEWEST_ERASURE);
  return rows[0]?.micros ?? NOTHING_ERASED;
}

/**
 * Removes the rows of erased events from a staging table.
 * @param firstSeq the number of the first row that was staged
 * @returns their indexes, from 0
 */
export async function removeErased(
  client: PgClient,
  { table, firstSeq }: { table: string; firstSeq: string | undefined },
): Promise<number[]> {
  const { rows } = await client.query<{ index: number }>(removeErasedOf(table), [firstSeq]);
  return rows.map(({ index }) => index);
}

// A prepared statement, because each write runs it.
const NEWEST_ERASURE = {
  name: "newest-erasure",
  text: `
    SELECT (extract(epoch FROM max(requested_at)) * 1000000)::float8 AS micros
    FROM erasures WHERE honoured_until > now()`,
};

const removeErasedOf = (table: string) => `
  DELETE FROM ${table} AS staged USING erasures
  WHERE honoured_until > now()
    AND erasures.requested_at > staged.received_at
    AND (erasures.node_id IS NULL OR erasures.node_id = staged.node_id)
    AND (erasures.tenant IS NULL OR erasures.tenant = staged.tenant)
    AND (erasures.from_time IS NULL OR erasures.from_time <= staged.time)
    AND (erasures.to_time IS NULL OR erasures.to_time > staged.time)
  RETURNING (staged.staging_seq - $1::bigint)::integer AS index`;
