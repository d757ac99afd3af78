import type { OffsetRange } from "@fiberstream/kafka/topic-reader";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { createPathLag, type PathLag } from "./path-progress.ts";

let nowMs: number;
let raw: OffsetRange[];
let enriched: OffsetRange[];
let processed: Map<number, bigint>;
let stored: Map<number, bigint>;
let pathLag: PathLag;

const stretch = (until: bigint, partition = 0): OffsetRange => ({ partition, from: 0n, until });
beforeEach(() => {
  nowMs = 1_000_000;
  raw = [stretch(10n)];
  enriched = [stretch(10n)];
  processed = new Map([[0, 10n]]);
  stored = new Map([[0, 10n]]);
  pathLag = createPathLag({
    positions: {
      raw: () => Promise.resolve(raw),
      enriched: () => Promise.resolve(enriched),
      processed: () => Promise.resolve(processed),
      stored: () => Promise.resolve(stored),
    },
    nowMs: () => nowMs,
  });
});
const lagAfter = (ms: number) => {
  nowMs += ms;
  return pathLag();
};

describe("the lag of the pipeline", () => {
  it("is 0 if all is stored, or nothing has ever arrived", async () => {
    expect(await pathLag()).toBe(0);
    raw = enriched = [];
    expect(await lagAfter(5_000)).toBe(0);
  });

  it("is not known while an earlier backlog is drained", async () => {
    processed = new Map();
    expect(await pathLag()).toBeUndefined();
    processed = new Map([[0, 9n]]);
    raw = [stretch(500n)];
    expect(await lagAfter(5_000)).toBeUndefined();
    processed = new Map([[0, 10n]]);
    expect(await lagAfter(5_000)).toBe(10_000);
  });

  it("grows while one of the stages makes no progress", async () => {
    await pathLag();
    raw = [stretch(11n)];
    expect(await lagAfter(5_000)).toBe(5_000);
    expect(await lagAfter(5_000)).toBe(10_000);
    processed = new Map([[0, 11n]]);
    enriched = [stretch(11n)];
    // What is processed now is not stored, though the sink had stored all there was before.
    expect(await lagAfter(5_000)).toBe(15_000);
    expect(await lagAfter(5_000)).toBe(20_000);
    stored = new Map([[0, 11n]]);
    expect(await lagAfter(5_000)).toBeLessThan(20_000);
  });

  it("is that of the partition with the highest lag", async () => {
    await pathLag();
    raw = [stretch(10n), stretch(5n, 1)];
    processed = new Map([
      [0, 10n],
      [1, 4n],
    ]);
    expect(await lagAfter(5_000)).toBe(5_000);
  });

  it("stays small while events arrive", async () => {
    for (let offset = 10n; offset < 1_000n; offset += 50n) {
      raw = enriched = [stretch(offset + 3n)];
      processed = stored = new Map([[0, offset]]);
      await lagAfter(5_000);
    }
    expect(await pathLag()).toBeLessThanOrEqual(15_000);
  });
});
