/** What a column holds. A time is in microseconds since 1970; `json` and `doubles` (a list of numbers) are JSON as text. */
export type ColumnKind =
  "time" | "double" | "doubles" | "int" | "long" | "boolean" | "uuid" | "text" | "json";

export type ExportColumn = {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly isNullable: boolean;
};

/** The values of a row, in the order of the columns; null if there is no value. */
export type ExportRow = readonly (number | boolean | string | null)[];
