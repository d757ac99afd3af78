import { terminalText } from "@fiberstream/runtime/terminal-text";

/**
 * Returns a table with columns as wide as their widest cell; the first row is the heading. Line ends and control
 * characters in cells are escaped.
 */
export function renderTable(raw: readonly (readonly string[])[]): string {
  const rows = raw.map((row) => row.map(terminalText));
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
