import { describe, expect, it } from "@jest/globals";
import { writeRecordBatch } from "./record-batch-writer.ts";
import { readRecordBatches } from "./record-batches.ts";
import type { RecordHeaders } from "./records.ts";

function headersRead(headers: readonly (readonly [string, unknown])[]) {
  const given = Object.fromEntries(headers) as RecordHeaders;
  const batch = writeRecordBatch([{ key: "a", value: null, headers: given }], undefined, 0);
  const [record] = readRecordBatches(batch).records;
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

describe("damaged batches", () => {
  const good = () => writeRecordBatch([{ key: null, value: Buffer.from("v") }], undefined, 0);
  const damaged = (damage: (batch: Buffer) => void) => {
    const batch = good();
    batch.writeBigInt64BE(1n, 0);
    damage(batch);
    return batch;
  };
  const cases: [string, Buffer][] = [
    ["a length that leads nowhere", damaged((batch) => batch.writeInt32BE(-12, 8))],
    ["too many records", damaged((batch) => batch.writeInt32BE(2 ** 31 - 1, 57))],
    ["a value that is too long", damaged((batch) => void (batch[61 + 5] = 0x7e))],
    ["an older format", damaged((batch) => void (batch[16] = 1))],
    ["what cannot be unpacked", damaged((batch) => batch.writeInt16BE(4, 21))],
  ];

  it.each(cases)("end what is read before them: %s", (_what, batch) => {
    const { records, end } = readRecordBatches(Buffer.concat([good(), batch, good()]));
    expect(records.map(({ offset }) => offset)).toEqual(["0"]);
    expect(end?.nextOffset).toBe(1n);
    expect(() => readRecordBatches(batch)).toThrow("The batch at offset 1 ");
  });
});
