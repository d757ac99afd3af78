import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { appendToCheckpointFile, readCheckpointFile } from "./checkpoint-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-file-"));
  path = join(folder, "checkpoints.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

it("appends checkpoints in lines of their own, and reads them", async () => {
  expect(await readCheckpointFile(path)).toBeUndefined();
  await appendToCheckpointFile(path, "one\n\n— a\n");
  await appendToCheckpointFile(path, "two");
  expect(await readCheckpointFile(path)).toEqual(["one\n\n— a\n", "two"]);
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
});

it("leaves out a line that a killed process has not finished, and appends after it", async () => {
  await appendToCheckpointFile(path, "one");
  appendFileSync(path, '{"checkpoint": "tw');
  expect(await readCheckpointFile(path)).toEqual(["one"]);
  await appendToCheckpointFile(path, "three");
  expect(await readCheckpointFile(path)).toEqual(["one", "three"]);
});

it("reads only the end if it is asked to", async () => {
  for (const note of ["one", "two", "three"]) await appendToCheckpointFile(path, note);
  expect(await readCheckpointFile(path, { lastBytes: 30 })).toEqual(["three"]);
});
