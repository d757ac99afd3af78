import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { needsBackingServices } from "./needs-backing-services.ts";

let rootDir: string;
beforeEach(() => {
  rootDir = mkdtempSync(join(tmpdir(), "fiberstream-selection-"));
  for (const file of [
    "sink/src/rows.test.ts",
    "sink/src/copy.int.test.ts",
    "node_modules/x/y.int.test.ts",
  ]) {
    mkdirSync(join(rootDir, file, ".."), { recursive: true });
    writeFileSync(join(rootDir, file), "");
  }
});
afterEach(() => rmSync(rootDir, { recursive: true }));

describe("needsBackingServices", () => {
  it("is true if a selected file uses backing services", () => {
    expect(needsBackingServices({ rootDir, isSelected: () => true })).toBe(true);
    expect(needsBackingServices({ rootDir, isSelected: (path) => path.includes("copy") })).toBe(
      true,
    );
  });

  it("is false for unit tests, and for tests in node_modules", () => {
    expect(needsBackingServices({ rootDir, isSelected: (path) => path.includes("rows") })).toBe(
      false,
    );
    expect(
      needsBackingServices({ rootDir, isSelected: (path) => path.includes("node_modules") }),
    ).toBe(false);
  });
});
