import { expect, it } from "@jest/globals";
import { hideAborted } from "./aborted-records.ts";
import type { FetchedRecord } from "./record-batch-reader.ts";

const record = (offset: number, producerId: string, end?: "abort" | "commit") =>
  ({
    offset: String(offset),
    key: end === undefined ? null : Buffer.from([0, 0, 0, end === "abort" ? 0 : 1]),
    isControlRecord: end !== undefined,
    batchContext: { producerId, inTransaction: true },
  }) as unknown as FetchedRecord;
const seenOf = (records: readonly FetchedRecord[], aborted: Parameters<typeof hideAborted>[1]) =>
  hideAborted(records, aborted)
    .filter(({ isControlRecord }) => !isControlRecord)
    .map(({ offset }) => Number(offset));

const TWICE_ABORTED = [
  record(0, "3"),
  record(1, "3", "abort"),
  record(2, "3"),
  record(3, "4"),
  record(4, "3", "abort"),
  record(5, "3"),
  record(6, "3", "commit"),
  record(7, "4", "commit"),
];

it("hides an aborted transaction that the broker does not name", () => {
  expect(seenOf(TWICE_ABORTED, [{ producerId: "3", firstOffset: "0" }])).toEqual([3, 5]);
  expect(seenOf(TWICE_ABORTED, [])).toEqual([3, 5]);
});

it("uses the broker's list if a transaction's end was not fetched", () => {
  const named = { producerId: "3", firstOffset: "2" };
  expect(seenOf(TWICE_ABORTED.slice(2, 4), [named])).toEqual([3]);
});
