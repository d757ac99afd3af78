import { query, type PgPool } from "@fiberstream/postgres/pool";
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

/** The values of an event in a row. */
export type StoredEvent = {
  readonly micros: number;
  readonly country: string;
  readonly region: string;
  readonly latency_ms: number;
  readonly uptime_pct: number;
  readonly packet_loss: number;
  readonly target_host: string | null;
  readonly probe_type: string;
  readonly metadata: unknown;
};

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
    `SELECT (extract(epoch FROM time) * 1000000)::float8 AS micros, country, region,
            latency_ms, uptime_pct, packet_loss, target_host, probe_type, metadata
       FROM metrics
      WHERE node_id = $1 AND time BETWEEN $2::timestamptz AND $3::timestamptz`,
    [range.nodeId, timestampOf(range.fromMicros), timestampOf(range.toMicros)],
  );
}
