import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { isOptional } from "@fiberstream/schemas/probe-fields";

/** The columns of `metrics`, by what is compared. */
export type ContentColumns = {
  readonly columns: readonly { readonly name: string; readonly field: string }[];
  /** Whether the table has the column `extra`, for fields without a column, as JSON. */
  readonly hasExtra: boolean;
  /** The fields in which duplicates have to be equal, whether or not they have a column. */
  readonly contentFields: readonly RecordField[];
};

/** Quotes a name for SQL: it may have capitals or spaces, or be a reserved word. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Returns SQL for the values by which two rows of the same identity are compared. A field that got its column by a
 * migration is in `extra` of the rows that are older than the column, so that a duplicate of one of these has the value in
 * the other place.
 *
 * @param row the name of the row in the query
 */
export function rowContent(
  row: string,
  { columns, hasExtra, contentFields }: ContentColumns,
): string {
  const values = contentFields.flatMap((field) => {
    const column = columns.find((one) => one.field === field.name);
    if (column !== undefined && !isOptional(field)) return [`${row}.${quoted(column.name)}`];
    const places = [
      ...(column === undefined ? [] : [`to_jsonb(${row}.${quoted(column.name)})`]),
      ...(hasExtra ? [`${row}.extra -> ${literal(field.name)}`] : []),
    ];
    // A row without the value is older than the field, or has the default, which extra does not keep.
    if (field.default !== null && field.default !== undefined) {
      places.push(`${literal(JSON.stringify(field.default))}::jsonb`);
    }
    return places.length === 0 ? [] : [`coalesce(${places.join(", ")})`];
  });
  return `ROW(${values.join(", ")})`;
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
