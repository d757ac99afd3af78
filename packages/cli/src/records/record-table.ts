import { styleText } from "node:util";
import { terminalText } from "@fiberstream/runtime/terminal-text";
import { textOf } from "./cell-text.ts";
import { columnsFor, styleOf } from "./record-columns.ts";
import { cellOf, type SeenRecord } from "./decoded-record.ts";

/** The minimal width of a column, so that columns rarely get wider. */
const MIN_WIDTH = 6;
/** The maximal width of a column; only the last cell of a line may be longer. */
const MAX_WIDTH = 40;

/** Formats a growing table: a heading where the columns change, and columns as wide as their widest cell so far. */
export function createTable(options: {
  columns: readonly string[] | undefined;
  isColoured: boolean;
}): (records: readonly SeenRecord[]) => string {
  const widths = new Map<string, number>();
  let heading = "";

  const widen = (names: readonly string[], cells: readonly string[]) => {
    for (const [place, name] of names.entries()) {
      const wanted = Math.max(MIN_WIDTH, name.length, cells[place]?.length ?? 0);
      widths.set(name, Math.max(widths.get(name) ?? 0, Math.min(wanted, MAX_WIDTH)));
    }
  };
  const lineOf = (names: readonly string[], cells: readonly string[]) =>
    names
      .map((name, place) => (cells[place] ?? "").padEnd(widths.get(name) ?? 0))
      .join("  ")
      .trimEnd();
  const styled = (style: Parameters<typeof styleText>[0] | undefined, text: string) =>
    options.isColoured && style !== undefined
      ? styleText(style, text, { validateStream: false })
      : text;

  return (records) => {
    const rows = records.map((seen) => {
      const names = seen.fields === undefined ? ["key"] : (options.columns ?? columnsFor(seen));
      return {
        seen,
        names,
        cells: names.map((name, place) => tableCell(seen, name, place === names.length - 1)),
      };
    });
    for (const { names, cells } of rows) widen(names, cells);
    let text = "";
    for (const { seen, names, cells } of rows) {
      if (seen.fields !== undefined && heading !== names.join()) {
        heading = names.join();
        text += `${styled("bold", lineOf(names, names.map(headingOf)))}\n`;
      }
      const line = seen.fields === undefined ? `${cells[0]} is deleted` : lineOf(names, cells);
      text += `${styled(styleOf(seen), line)}\n`;
    }
    return text;
  };
}

const headingOf = (name: string): string => name.toUpperCase();

function tableCell(seen: SeenRecord, name: string, isLast: boolean): string {
  const value = cellOf(seen, name);
  const text = textOf(typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value);
  const shown = terminalText(text);
  if (isLast || shown.length <= MAX_WIDTH) return shown;
  // Does not cut a character of two UTF-16 units into halves.
  return `${shown.slice(0, MAX_WIDTH - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
