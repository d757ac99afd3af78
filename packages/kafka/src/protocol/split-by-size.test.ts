import { describe, expect, it } from "@jest/globals";
import type { OutgoingRecord } from "../records.ts";
import { maxBytesOf } from "./record-batch-writer.ts";
import { splitBySize } from "./split-by-size.ts";

const record = (bytes: number): OutgoingRecord => ({ key: null, value: Buffer.alloc(bytes) });
const BYTES = maxBytesOf(record(100));
const split = (records: readonly OutgoingRecord[], mostBytes: number) =>
  splitBySize(records, (one) => one, mostBytes);

describe("records split by size", () => {
  it("stay together while they fit, in order", () => {
    const records = Array.from({ length: 7 }, () => record(100));
    const chunks = split(records, 3 * BYTES);
    expect(chunks.map(({ items }) => items.length)).toEqual([3, 3, 1]);
    expect(chunks.flatMap(({ items }) => items)).toEqual(records);
    expect(chunks.map(({ bytes }) => bytes)).toEqual([3 * BYTES, 3 * BYTES, BYTES]);
  });

  it("have a batch of their own if they are too large", () => {
    const chunks = split([record(100), record(10_000), record(100)], 3 * BYTES);
    expect(chunks.map(({ items }) => items.length)).toEqual([1, 1, 1]);
  });

  it("are one batch if all fit", () => {
    expect(split([record(100)], BYTES)).toHaveLength(1);
  });
});
