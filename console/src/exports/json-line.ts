import { isoText } from "../questions/statement.ts";
import { quoted, type TableColumns } from "../questions/table-columns.ts";

/**
 * Returns the SQL expression of an event as a line of JSON, with the same values as `row_to_json`, which takes 1.7 times as
 * long: it looks up the type of each column again for each row.
 */
export function jsonLine(columns: TableColumns): string {
  const fields = Array.from(columns, ([name, type], at) => {
    const before = `${at === 0 ? "{" : ","}${JSON.stringify(name)}:`;
    const column = `metrics.${quoted(name)}`;
    return `'${before.replaceAll("'", "''")}', coalesce(${valueOf(column, type)}, 'null')`;
  });
  const pieces = Array.from({ length: Math.ceil(fields.length / AT_ONCE) }, (_, piece) => {
    return `concat(${fields.slice(piece * AT_ONCE, (piece + 1) * AT_ONCE).join(", ")})`;
  });
  return `${pieces.join(" || ")} || '}'`;
}

/** A function has at most 100 arguments, and each column is two. */
const AT_ONCE = 50;

/** Returns SQL for the text of a value in JSON; NULL for NULL. */
function valueOf(column: string, type: string): string {
  switch (type) {
    case "timestamptz":
      return `'"' || ${isoText(column)} || '"'`;
    case "uuid":
      return `'"' || ${column}::text || '"'`;
    case "int2":
    case "int4":
    case "int8":
    case "bool":
    case "json":
    case "jsonb":
      return `${column}::text`;
    case "float8":
      // JSON has no NaN and no infinity: to_json makes texts of them.
      return `CASE WHEN abs(${column}) < 'Infinity' THEN ${column}::text ELSE to_json(${column})::text END`;
    default:
      return `to_json(${column})::text`;
  }
}
