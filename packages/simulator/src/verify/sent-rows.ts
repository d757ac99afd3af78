import { query, type PgPool } from "@fiberstream/postgres/pool";
import { COMPARED_FIELDS } from "./as-sent.ts";
import { timestampOf } from "../probes/timestamp.ts";

/** A probe, and the time from which its rows are wanted (us since 1970). */
export type WantedRows = {
  readonly probe: number;
  readonly nodeId: string;
  readonly fromMicros: number;
};

/**
 * Finds the rows of many probes, one entry for each row.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function findRows(
  pool: PgPool,
  wanted: readonly WantedRows[],
): Promise<{ probe: number; micros: number }[]> {
  const earliest = Math.min(...wanted.map(({ fromMicros }) => fromMicros));
  // The condition outside of the join lets the planner skip older chunks.
  return query(
    pool,
    `SELECT wanted.probe, found.micros
       FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS wanted (probe, node_id, since),
       LATERAL (
         SELECT (extract(epoch FROM time) * 1000000)::float8 AS micros
           FROM metrics
          WHERE node_id = wanted.node_id AND time >= wanted.since AND time >= $4::timestamptz
       ) AS found`,
    [
      wanted.map(({ probe }) => probe),
      wanted.map(({ nodeId }) => nodeId),
      wanted.map(({ fromMicros }) => timestampOf(fromMicros)),
      timestampOf(earliest),
    ],
  );
}

/** What a row keeps of an event: its time, and the compared fields under their names. */
export type StoredEvent = { readonly micros: number };

/**
 * Reads the rows of one probe in a time range, both ends included.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readRows(
  pool: PgPool,
  range: { nodeId: string; fromMicros: number; toMicros: number },
): Promise<StoredEvent[]> {
  return query(
    pool,
    `SELECT (extract(epoch FROM time) * 1000000)::float8 AS micros, ${COMPARED_FIELDS.join(", ")}
       FROM metrics
      WHERE node_id = $1 AND time BETWEEN $2::timestamptz AND $3::timestamptz`,
    [range.nodeId, timestampOf(range.fromMicros), timestampOf(range.toMicros)],
  );
}
