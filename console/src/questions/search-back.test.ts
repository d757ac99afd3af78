import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../answers/refusal.ts";
import { searchBack } from "./search-back.ts";

const MINUTE_MS = 60_000;
const to = new Date("2026-03-01T00:00:00Z");
const ago = (minutes: number) => new Date(to.getTime() - minutes * MINUTE_MS);

describe("a search back in time", () => {
  it("reads longer and longer windows without a gap, until there are enough rows", async () => {
    const windows: [number, number][] = [];
    const minutesOf = (at: Date) => (to.getTime() - at.getTime()) / MINUTE_MS;
    const found = await searchBack({
      from: ago(1_000),
      to,
      limit: 5,
      rowsIn: async (window, most) => {
        windows.push([minutesOf(window.from), minutesOf(window.to)]);
        return Array.from({ length: Math.min(most, 2) }, (_, row) => row);
      },
    });
    expect(windows).toEqual([
      [1, 0],
      [5, 1],
      [21, 5],
    ]);
    expect(found.rows).toHaveLength(5);
  });

  it("ends at the beginning of the range", async () => {
    let last: Date | undefined;
    const found = await searchBack({
      from: ago(30),
      to,
      limit: 5,
      rowsIn: async (window) => {
        last = window.from;
        return [];
      },
    });
    expect([found.searchedTo, last]).toEqual([undefined, ago(30)]);
  });

  it("returns what it has found when a window is too slow, and fails if that is nothing", async () => {
    const slow = new Refusal("TOO_SLOW", "too slow");
    const search = (rowsOfFirst: number) => {
      let calls = 0;
      return searchBack({
        from: ago(1_000),
        to,
        limit: 5,
        rowsIn: async () => {
          if (calls++ > 0) throw slow;
          return Array.from({ length: rowsOfFirst }, (_, row) => row);
        },
      });
    };
    expect(await search(2)).toEqual({ rows: [0, 1], searchedTo: ago(1) });
    await expect(search(0)).rejects.toBe(slow);
  });
});
