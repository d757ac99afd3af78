import { stringify } from "csv-stringify/sync";

export type CsvCell = string | number | boolean | null;

/**
 * Rows as RFC 4180 has them. An empty cell is null, `""` an empty text: loaders tell them apart.
 *
 * @param options.escapeFormulas puts a ' before texts that a spreadsheet would take for a formula (they begin with
 *   = + - @, a tab or a carriage return); they are no longer what was sent
 */
export const stringifyCsv = (
  rows: readonly (readonly CsvCell[])[],
  { escapeFormulas }: { escapeFormulas: boolean },
): string =>
  stringify(
    rows.map((row) => row.map((cell) => (typeof cell === "boolean" ? String(cell) : cell))),
    { quoted_match: /^$/, escape_formulas: escapeFormulas },
  );
