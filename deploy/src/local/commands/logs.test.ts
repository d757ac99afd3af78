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
  it("returns complete lines, and leaves an incomplete one for the next read", () => {
    writeFileSync(file, "one\ntwo\nthr");
    const first = linesFrom(file, 0);
    expect(first.lines).toEqual(["one", "two"]);
    appendFileSync(file, "ee\n");
    expect(linesFrom(file, first.offset)).toEqual({ lines: ["three"], offset: 14 });
  });

  it("reads from the start if the file is shorter than before", () => {
    writeFileSync(file, "new\n");
    expect(linesFrom(file, 100)).toEqual({ lines: ["new"], offset: 4 });
  });

  it("waits for a file that does not exist yet", () => {
    expect(linesFrom(join(folder, "none.log"), 0)).toEqual({ lines: [], offset: 0 });
  });
});
