import type { ColumnKind } from "./columns.ts";

/** Returns the kind of a column by the name of its PostgreSQL type (`pg_type.typname`). */
export const kindOfType = (type: string): ColumnKind => KINDS[type] ?? "text";

/** Returns SQL that selects a column so that its value is one of its kind. `column` is quoted already. */
export function selectedAs(kind: ColumnKind, column: string): string {
  switch (kind) {
    case "time":
      return `(extract(epoch FROM ${column}) * 1000000)::bigint`;
    case "json":
    case "doubles":
      return `to_jsonb(${column})::text`;
    case "uuid":
    case "text":
    // JavaScript has no integers of 64 bits in JSON.
    case "long":
      return `${column}::text`;
    case "double":
      return `${column}::double precision`;
    case "int":
    case "boolean":
      return column;
  }
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  timestamptz: "time",
  float8: "double",
  numeric: "double",
  uuid: "uuid",
  text: "text",
  varchar: "text",
  jsonb: "json",
  bool: "boolean",
  int4: "int",
  int8: "long",
  _float8: "doubles",
};
