import { type PgPool, query } from "@fiberstream/postgres/pool";

/** The columns of a table, in order, with the names of their types. */
export type TableColumns = ReadonlyMap<string, string>;

/**
 * Reads the columns of a table: a column that a later version adds is answered without a change of the console.
 * @throws {TransientError}
 * @throws {FatalError} when the table is missing
 */
export async function readColumns(pool: PgPool, table: "metrics" | "nodes"): Promise<TableColumns> {
  const rows = await query<{ name: string; type: string }>(pool, COLUMNS, [table]);
  return new Map(rows.map(({ name, type }) => [name, type]));
}

const COLUMNS = `
  SELECT attname AS name, typname AS type
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;

/** An identifier for SQL: a column of an operator may have capitals, spaces or a reserved word in its name. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
