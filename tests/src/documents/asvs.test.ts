import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

type Row = { id: string; state: string; by: string; test: string };

const ROWS: readonly Row[] = readFileSync(join(ROOT, "docs/asvs.md"), "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, id = ""]) => /^\d+\.\d+\.\d+$/.test(id))
  .map(([, id = "", , , state = "", by = "", test = ""]) => ({ id, state, by, test }));

/** Requirements of the levels 1 and 2 in each chapter of ASVS 5.0.0. */
const IN_CHAPTER = [27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7];

const FILE = /`((?:[\w.-]+\/)+[\w.-]+\.\w+|[A-Z]+\.md)`/g;
const TEST = /`([^`]+\.test\.ts)` ((?:“[^”]+”(?:; )?)+)/g;

const filesIn = (text: string) => [...text.matchAll(FILE)].map(([, file = ""]) => file);

/** Returns the tests that a row names, as their file and their title or the beginning of it. */
const testsOf = ({ id, test }: Row) =>
  [...test.matchAll(TEST)].flatMap(([, file = "", titles = ""]) =>
    [...titles.matchAll(/“([^”]+)”/g)].map(([, title = ""]) => ({ id, file, title })),
  );

const textOf = (file: string) =>
  existsSync(join(ROOT, file))
    ? readFileSync(join(ROOT, file), "utf8").replaceAll(/\s+/g, " ")
    : "";

describe("docs/asvs.md", () => {
  it("has each requirement of the levels 1 and 2 once, in its order", () => {
    const chapterOf = ({ id }: Row) => Number(id.split(".")[0]);
    expect(
      IN_CHAPTER.map((_, at) => ROWS.filter((row) => chapterOf(row) === at + 1).length),
    ).toEqual(IN_CHAPTER);
    const ids = ROWS.map(({ id }) => id);
    const sorted = ids.toSorted((one, other) => one.localeCompare(other, "en", { numeric: true }));
    expect(ids).toEqual([...new Set(sorted)]);
  });

  it("names only files that exist", () => {
    const missing = ROWS.flatMap(({ id, by, test }) =>
      filesIn(`${by} ${test}`)
        .filter((file) => !existsSync(join(ROOT, file)))
        .map((file) => ({ id, file })),
    );
    expect(missing).toEqual([]);
  });

  it("names only tests that exist", () => {
    const named = ROWS.flatMap(testsOf);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ file, title }) => !textOf(file).includes(title))).toEqual([]);
  });

  it("says of each row what does it, and of each that is done how that is known", () => {
    const states = new Set(["done", "partly", "not yet", "n/a"]);
    expect(ROWS.filter(({ state, by }) => !states.has(state) || by === "")).toEqual([]);
    const isKnown = (row: Row) => row.test === "by reading" || testsOf(row).length > 0;
    expect(ROWS.filter((row) => row.state === "done" && !isKnown(row))).toEqual([]);
  });
});
