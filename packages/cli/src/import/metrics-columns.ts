import { type PgPool, query } from "@fiberstream/postgres/pool";
import { quoted } from "@fiberstream/postgres/row-content";
import { readAvroSchema, type RecordField } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { contentFields } from "@fiberstream/schemas/probe-fields";
import { isoMicros } from "../records/micros.ts";

type Column = { readonly name: string; readonly field: string; readonly type: string };

/** The columns of `metrics` that an import writes. */
export type MetricsColumns = {
  readonly columns: readonly Column[];
  readonly hasExtra: boolean;
  readonly contentFields: readonly RecordField[];
  /** The names, quoted and separated by commas. */
  readonly list: string;
  /** Returns a row as a JSON object by the columns' names; `import_row` is its number. */
  readonly jsonOf: (event: ProbeMetric, row: number) => string;
};

/**
 * Reads which columns the table has. An event gets what its record would have if its node's data had been unavailable:
 * the defaults of the enriched schema. A field without a column is in `extra`, as the sink writes it.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readMetricsColumns(pool: PgPool): Promise<MetricsColumns> {
  const found = await query<{ name: string; type: string }>(pool, SELECT_COLUMNS);
  const raw = readAvroSchema("ProbeMetric").fields;
  const derived = readAvroSchema("EnrichedProbeMetric").fields.slice(raw.length);
  const fields = new Set([...raw, ...derived].map(({ name }) => name));
  const columns = found
    .map(({ name, type }) => ({ name, type, field: name === "time" ? "timestamp" : name }))
    .filter(({ field }) => fields.has(field));
  const withColumn = new Set(columns.map(({ field }) => field));
  const withoutColumn = raw.filter(({ name }) => !withColumn.has(name));
  const hasExtra = found.some(({ name }) => name === "extra");
  const defaults: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(derived.map((field) => [field.name, field.default])),
    enrichment_status: "unavailable",
  };

  const textOf = (event: Readonly<Record<string, unknown>>, { field, type }: Column): string => {
    const value = field in event ? event[field] : defaults[field];
    if (value === null || value === undefined) return "null";
    if (type === "timestamptz") return `"${isoMicros(Number(value))}"`;
    // It is JSON already, and may have numbers that JavaScript cannot represent.
    return type === "jsonb" && typeof value === "string" ? value : JSON.stringify(value);
  };
  const extraOf = (event: Readonly<Record<string, unknown>>): string => {
    const entries = withoutColumn
      .filter((field) => event[field.name] !== (field.default ?? null))
      .map(({ name }) => [name, event[name]]);
    return entries.length === 0 ? "null" : JSON.stringify(Object.fromEntries(entries));
  };
  const keys = columns.map((column) => ({ column, key: `${JSON.stringify(column.name)}:` }));

  return {
    columns,
    hasExtra,
    contentFields: contentFields({ fields: raw }),
    list: [...columns.map(({ name }) => quoted(name)), ...(hasExtra ? ["extra"] : [])].join(", "),
    jsonOf: (event, row) => {
      const parts = keys.map(({ column, key }) => key + textOf(event, column));
      if (hasExtra) parts.push(`"extra":${extraOf(event)}`);
      return `{${parts.join(",")},"import_row":${row}}`;
    },
  };
}

// Without columns that accept no value: generated ones, and identities.
const SELECT_COLUMNS = `
  SELECT attname AS name, typname AS type
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  WHERE attrelid = 'metrics'::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = '' AND attidentity <> 'a'
  ORDER BY attnum`;
