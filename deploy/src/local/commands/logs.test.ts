import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { linesFrom } from "./logs.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fiberstream-logs-"));
  file = join(folder, "sink-writer.log");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("linesFrom", () => {
  it("gives whole lines and leaves an unfinished one for the next look", () => {
    writeFileSync(file, "one\ntwo\nthr");
    const first = linesFrom(file, 0);
    expect(first.lines).toEqual(["one", "two"]);
    appendFileSync(file, "ee\n");
    expect(linesFrom(file, first.offset)).toEqual({ lines: ["three"], offset: 14 });
  });

  it("begins at the start of a file that is shorter than what was read", () => {
    writeFileSync(file, "new\n");
    expect(linesFrom(file, 100)).toEqual({ lines: ["new"], offset: 4 });
  });

  it("waits for a file that is not there yet", () => {
    expect(linesFrom(join(folder, "none.log"), 0)).toEqual({ lines: [], offset: 0 });
  });
});
