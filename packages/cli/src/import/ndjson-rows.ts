import { parseKeepingNumbers } from "@fiberstream/event-rules/exact-numbers";
import { messageOf } from "@fiberstream/runtime/errors";
import type { FileRow, FileRows } from "./file-rows.ts";
import { type Line, linesOf } from "./text-lines.ts";

/** Reads a file with one JSON object a line. Numbers in metadata stay as they are written. */
export async function* ndjsonRows(path: string): AsyncGenerator<FileRows> {
  let row = 0;
  let line = 0;
  for await (const { lines, share } of linesOf(path)) {
    const rows: FileRow[] = [];
    for (const one of lines) {
      line++;
      if ("text" in one && one.text.trim() === "") continue;
      rows.push({ row: ++row, line, ...contentOf(one) });
    }
    yield { rows, share };
  }
}

function contentOf(line: Line): { values: Record<string, unknown> } | { problem: string } {
  if ("problem" in line) return line;
  try {
    const value = parseKeepingNumbers(line.text.replace(/^\uFEFF/, ""));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { values: value as Record<string, unknown> };
    }
    return { problem: "the line is not a JSON object" };
  } catch (error) {
    return { problem: `the line is not JSON: ${messageOf(error)}` };
  }
}
