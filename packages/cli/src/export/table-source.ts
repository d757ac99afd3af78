import type { ColumnKind, ExportColumn, ExportRow } from "@fiberstream/parquet/columns";
import { kindOfType, selectedAs } from "@fiberstream/parquet/table-columns";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import type { TimeRange } from "../options/time-range.ts";
import type { ExportChunk, ExportSource } from "./columns.ts";

export const EXPORT_TABLES = ["metrics", "metrics_enriched"] as const;
export type ExportTable = (typeof EXPORT_TABLES)[number];

const ROWS_PER_FETCH = 5_000;
/** The rows of one hour are sorted at a time, for which the server does not have to read the others. */
const SLICE_MS = 3_600_000;

/**
 * Reads a time range of a table, ordered by the column `time`, in one snapshot.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function tableSource(
  pool: PgPool,
  table: ExportTable,
  range: TimeRange,
): Promise<ExportSource> {
  const found = await query<{ name: string; type: string; required: boolean }>(
    pool,
    SELECT_COLUMNS,
    [table],
  );
  const columns = found.map(({ name, type, required }): ExportColumn => {
    return { name, kind: kindOfType(type), isNullable: !required };
  });
  return { columns, chunks: chunksOf(pool, table, columns, range) };
}

async function* chunksOf(
  pool: PgPool,
  table: ExportTable,
  columns: readonly ExportColumn[],
  { fromMs, toMs }: TimeRange,
): AsyncGenerator<ExportChunk> {
  const select = `SELECT ${columns.map(selected).join(", ")} FROM ${table}
    WHERE time >= to_timestamp($1) AND time < to_timestamp($2) ORDER BY time, node_id`;
  const client = await pool.connect();
  try {
    await query(client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const [first] = await query<{ ms: number | null }>(client, OLDEST, [fromMs / 1_000]);
    const beginMs = first?.ms ?? toMs;
    for (let atMs = beginMs; atMs < toMs; atMs += SLICE_MS) {
      const endMs = Math.min(toMs, atMs + SLICE_MS);
      const share = (endMs - beginMs) / (toMs - beginMs);
      const declare = `DECLARE slice NO SCROLL CURSOR FOR ${select}`;
      await query(client, declare, [atMs / 1_000, endMs / 1_000]);
      for (let rows = await fetchRows(client, columns); rows.length > 0;) {
        yield { rows, share };
        rows = await fetchRows(client, columns);
      }
      await query(client, "CLOSE slice");
    }
  } finally {
    // Closes the connection, because its read-only transaction may still be open.
    client.release(true);
  }
}

async function fetchRows(
  client: PgClient,
  columns: readonly ExportColumn[],
): Promise<readonly ExportRow[]> {
  try {
    const text = `FETCH ${ROWS_PER_FETCH} FROM slice`;
    const { rows } = await client.query<unknown[]>({ text, rowMode: "array" });
    return rows.map((row) => row.map((value, place) => valueOf(columns[place]?.kind, value)));
  } catch (error) {
    throw postgresFailure(error);
  }
}

/** Converts a value: the client library returns 64-bit integers as text. */
const valueOf = (kind: ColumnKind | undefined, value: unknown): ExportRow[number] =>
  value !== null && (kind === "time" || kind === "long")
    ? Number(value)
    : (value as ExportRow[number]);

const selected = ({ name, kind }: ExportColumn): string => {
  // Quoted, because a column of an operator may have capitals, spaces or a reserved word in its name.
  const column = `"${name.replaceAll('"', '""')}"`;
  return `${selectedAs(kind, column)} AS ${column}`;
};

// NOT NULL is known only of tables, not of views.
const SELECT_COLUMNS = `
  SELECT attname AS name, typname AS type, attnotnull AS required
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;

// The full hour, so that the slices do not depend on the oldest row.
const OLDEST = `
  SELECT extract(epoch FROM greatest(date_trunc('hour', min(time)), to_timestamp($1)))::float8 * 1000 AS ms
  FROM metrics WHERE time >= to_timestamp($1)`;
