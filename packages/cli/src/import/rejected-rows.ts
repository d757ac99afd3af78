import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import type { Fault } from "@fiberstream/event-rules/fault";

export type RejectedRow = {
  readonly row: number;
  readonly line: number;
  readonly faults: readonly (Pick<Fault, "message"> & Partial<Fault>)[];
};

export type RejectedRows = {
  /** Writes before the batch of these rows is committed, so that no rejected row is missing in the file. */
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
  const file = createWriteStream(unfinished);
  let count = 0;
  const put = async (line: string) => {
    count++;
    if (!file.write(`${line}\n`)) await once(file, "drain");
  };
  for await (const { row, line } of rowsIn(path)) if (row <= afterRow) await put(line);
  await rename(unfinished, path);
  return {
    write: async (rows) => {
      for (const row of rows) await put(JSON.stringify(row));
    },
    end: async () => {
      file.end();
      await finished(file);
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
