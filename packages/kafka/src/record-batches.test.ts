import { describe, expect, it } from "@jest/globals";
import { writeRecordBatch } from "./record-batch-writer.ts";
import { readRecordBatches } from "./record-batches.ts";
import type { RecordHeaders } from "./records.ts";

function headersRead(headers: readonly (readonly [string, unknown])[]) {
  const given = Object.fromEntries(headers) as RecordHeaders;
  const batch = writeRecordBatch([{ key: "a", value: null, headers: given }], undefined, 0);
  const [record] = readRecordBatches(batch, 0, batch.length) ?? [];
  return Object.entries(record?.headers ?? {});
}

describe("headers", () => {
  it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
    "may be named %s, once and twice",
    (name) => {
      expect(headersRead([[name, "one"]])).toEqual([[name, Buffer.from("one")]]);
      expect(headersRead([[name, ["one", "two"]]])).toEqual([
        [name, [Buffer.from("one"), Buffer.from("two")]],
      ]);
    },
  );

  it("may have no value, and are written on so", () => {
    expect(headersRead([["empty", null]])).toEqual([["empty", null]]);
  });
});
