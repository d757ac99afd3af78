import { stringify } from "csv-stringify/sync";

export type CsvCell = string | number | boolean | null;

/**
 * Returns rows as CSV (RFC 4180). An empty cell is null, `""` is an empty text: loaders distinguish them.
 *
 * @param options.escapeFormulas puts a ' before texts that a spreadsheet would treat as a formula (they begin with
 *   = + - @, a tab or a carriage return)
 */
export const stringifyCsv = (
  rows: readonly (readonly CsvCell[])[],
  { escapeFormulas }: { escapeFormulas: boolean },
): string =>
  stringify(
    rows.map((row) => row.map((cell) => (typeof cell === "boolean" ? String(cell) : cell))),
    { quoted_match: /^$/, escape_formulas: escapeFormulas },
  );
