import { type PgPool, query } from "@fiberstream/postgres/pool";
import { FatalError } from "@fiberstream/runtime/errors";
import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { contentFields } from "@fiberstream/schemas/probe-fields";

/** How a column's value stands in PostgreSQL's binary format, and which Avro values it takes. */
export type ColumnKind = "timestamptz" | "float8" | "uuid" | "text" | "jsonb" | "bool" | "int8";

/** A column of `metrics` that is written, and the field of the record that goes into it. */
export type Column = { readonly name: string; readonly field: string; readonly kind: ColumnKind };

export type TableLayout = {
  /** In the order in which tuples are written. */
  readonly columns: readonly Column[];
  /** Whether fields without a column can be kept, as JSON in `extra`. */
  readonly hasExtra: boolean;
  /** The fields in which duplicates have to be equal, whether or not they have a column. */
  readonly contentFields: readonly RecordField[];
};

/** The column that takes what has no column. */
export const EXTRA_COLUMN = "extra";

/**
 * Fields that are not in `metrics` on purpose: the node's data is in `nodes`, where it is right after a
 * rename or a move too, and the delay is the difference of two columns.
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

/** A name as SQL takes it whatever is in it: capitals, spaces, a reserved word. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The columns' names for COPY and SELECT, in the order of the tuples. */
export const columnNames = ({ columns, hasExtra }: TableLayout): string[] =>
  [...columns.map(({ name }) => name), ...(hasExtra ? [EXTRA_COLUMN] : [])].map(quoted);

/** The same as a list. */
export const columnList = (layout: TableLayout): string => columnNames(layout).join(", ");

/**
 * Looks at the table as it is: a field that gets a column by a migration goes there once the sink is
 * started again, and into `extra` until then. A column that the table fills itself and that is no field of
 * `readerSchema` is somebody else's, and left to them; so is one that takes no value from anybody, whatever its name.
 * @throws {TransientError}
 * @throws {FatalError} when the table is missing or has a type unknown here
 */
export async function readTableLayout(
  pool: PgPool,
  readerSchema: { readonly fields: readonly RecordField[] },
): Promise<TableLayout> {
  const found = await query<FoundColumn>(pool, SELECT_COLUMNS);
  const fields = new Set(readerSchema.fields.map(({ name }) => name));
  const columns = found.flatMap(({ name, type, isFilled, takesNone }): Column[] => {
    const kind = KINDS[type];
    const field = name === "time" ? "timestamp" : name;
    if (name === EXTRA_COLUMN || kind === undefined || takesNone) return [];
    if (isFilled && !fields.has(field)) return [];
    return [{ name, field, kind }];
  });
  const unknown = found.find(({ type, required }) => required && KINDS[type] === undefined);
  if (unknown !== undefined) {
    throw new FatalError(
      `the column metrics.${unknown.name} must be filled, and this version cannot write ${unknown.type}`,
      "Update the sink, or let the column be empty",
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
  readonly isFilled: boolean;
  readonly takesNone: boolean;
  readonly required: boolean;
};

const KINDS: Readonly<Record<string, ColumnKind>> = {
  timestamptz: "timestamptz",
  float8: "float8",
  uuid: "uuid",
  text: "text",
  varchar: "text",
  jsonb: "jsonb",
  bool: "bool",
  int8: "int8",
};

// A generated column has a default, by the catalogue.
const SELECT_COLUMNS = `
  SELECT attname AS name, typname AS type, is_filled AS "isFilled",
         attgenerated <> '' OR attidentity = 'a' AS "takesNone",
         attnotnull AND NOT is_filled AS required
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  CROSS JOIN LATERAL (SELECT atthasdef OR attidentity <> '' AS is_filled) AS filling
  WHERE attrelid = 'metrics'::regclass AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;
