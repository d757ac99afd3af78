import { type PgPool, query } from "@fiberstream/postgres/pool";
import { quoted } from "@fiberstream/postgres/row-content";
import { FatalError } from "@fiberstream/runtime/errors";
import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { contentFields } from "@fiberstream/schemas/probe-fields";

/** The type of a column: its PostgreSQL binary format, and which Avro values it can store. */
export type ColumnKind =
  "timestamptz" | "float8" | "float8[]" | "uuid" | "text" | "jsonb" | "bool" | "int4" | "int8";

/** A column of `metrics` that the sink writes, and the record's field for it. */
export type Column = { readonly name: string; readonly field: string; readonly kind: ColumnKind };

export type TableLayout = {
  /** In the order in which tuples are written. */
  readonly columns: readonly Column[];
  /** Whether the table has the column `extra`, for fields without a column, as JSON. */
  readonly hasExtra: boolean;
  /** The fields in which duplicates have to be equal, whether or not they have a column. */
  readonly contentFields: readonly RecordField[];
};

/** The column for fields without a column. */
export const EXTRA_COLUMN = "extra";

/**
 * Fields that are not stored in `metrics` on purpose: the node's data is in `nodes`, where it stays correct when the node
 * is renamed or moved, and the delay is the difference of two columns.
 */
export const NOT_STORED: ReadonlySet<string> = new Set([
  "node_name",
  "node_status",
  "node_country",
  "node_region",
  "node_city",
  "node_lat",
  "node_lng",
  "node_tags",
  "ingest_delay_ms",
]);

/** Returns the columns' names for COPY and SELECT, in the order of the tuples. */
export const columnNames = ({ columns, hasExtra }: TableLayout): string[] =>
  [...columns.map(({ name }) => name), ...(hasExtra ? [EXTRA_COLUMN] : [])].map(quoted);

/** Returns the same names separated by commas. */
export const columnList = (layout: TableLayout): string => columnNames(layout).join(", ");

/**
 * Reads the table's columns. A field for which a migration adds a column is written there after the next restart of the
 * sink, and to `extra` until then. The sink does not write a column with a default that is no field of `readerSchema`:
 * others have added it. Nor does it write a column that accepts no value (generated, identity always).
 * @throws {TransientError}
 * @throws {FatalError} when the table is missing or has a type unknown here
 */
export async function readTableLayout(
  pool: PgPool,
  readerSchema: { readonly fields: readonly RecordField[] },
): Promise<TableLayout> {
  const found = await query<FoundColumn>(pool, SELECT_COLUMNS);
  const fields = new Set(readerSchema.fields.map(({ name }) => name));
  const columns = found.flatMap(({ name, type, hasDefault, acceptsNone }): Column[] => {
    const kind = KINDS[type];
    const field = name === "time" ? "timestamp" : name;
    if (name === EXTRA_COLUMN || kind === undefined || acceptsNone) return [];
    if (hasDefault && !fields.has(field)) return [];
    return [{ name, field, kind }];
  });
  const unknown = found.find(({ type, required }) => required && KINDS[type] === undefined);
  if (unknown !== undefined) {
    throw new FatalError(
      `the column metrics.${unknown.name} is NOT NULL, and this version cannot write its type ${unknown.type}`,
      "Update the sink, or make the column nullable",
    );
  }
  return {
    columns,
    contentFields: contentFields(readerSchema),
    hasExtra: found.some(({ name }) => name === EXTRA_COLUMN),
  };
}

type FoundColumn = {
  readonly name: string;
  readonly type: string;
  readonly hasDefault: boolean;
  readonly acceptsNone: boolean;
  readonly required: boolean;
};

const KINDS: Readonly<Record<string, ColumnKind>> = {
  timestamptz: "timestamptz",
  float8: "float8",
  _float8: "float8[]",
  uuid: "uuid",
  text: "text",
  varchar: "text",
  jsonb: "jsonb",
  bool: "bool",
  int4: "int4",
  int8: "int8",
};

// In the catalogue a generated column has a default.
const SELECT_COLUMNS = `
  SELECT attname AS name, typname AS type, has_default AS "hasDefault",
         attgenerated <> '' OR attidentity = 'a' AS "acceptsNone",
         attnotnull AND NOT has_default AS required
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  CROSS JOIN LATERAL (SELECT atthasdef OR attidentity <> '' AS has_default) AS filling
  WHERE attrelid = 'metrics'::regclass AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;
