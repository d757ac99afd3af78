import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Fault } from "@fiberstream/event-rules/fault";

export type RejectedRow = {
  readonly row: number;
  readonly line: number;
  readonly faults: readonly (Pick<Fault, "message"> & Partial<Fault>)[];
};

export type RejectedRows = {
  /** Writes to the disk, before the batch of these rows is committed: so no rejected row is missing in the file. */
  write: (rows: readonly RejectedRow[]) => Promise<void>;
  /** Without a rejected row there is no file. */
  end: () => Promise<void>;
};

/**
 * Opens the file of the rejected rows: a JSON object a line, with the row, its line and what is wrong with it. It has no
 * values but those that a message quotes. An import that resumes keeps what it had written up to its position: a batch
 * that was rejected and not committed is read again.
 */
export async function openRejectedRows(path: string, afterRow: number): Promise<RejectedRows> {
  const unfinished = `${path}.unfinished`;
  const file = await open(unfinished, "w");
  let count = 0;
  const put = async (lines: readonly string[]) => {
    if (lines.length === 0) return;
    count += lines.length;
    await file.appendFile(lines.map((line) => `${line}\n`).join(""));
  };
  for await (const { row, line } of rowsIn(path)) if (row <= afterRow) await put([line]);
  await file.datasync();
  await rename(unfinished, path);
  return {
    write: async (rows) => {
      await put(rows.map((row) => JSON.stringify(row)));
      if (rows.length > 0) await file.datasync();
    },
    end: async () => {
      await file.close();
      if (count === 0) await rm(path, { force: true });
    },
  };
}

async function* rowsIn(path: string): AsyncGenerator<{ row: number; line: string }> {
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const row = /^\{"row":(\d+),/.exec(line)?.[1];
      if (row !== undefined) yield { row: Number(row), line };
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
