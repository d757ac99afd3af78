import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { writeRecordBatch } from "./record-batch-writer.ts";
import { MAX_OBJECTS, readRecordBatches } from "./record-batch-reader.ts";
import type { RecordHeaders } from "../records.ts";

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

  it("may have no value, and are written without one", () => {
    expect(headersRead([["empty", null]])).toEqual([["empty", null]]);
  });
});

describe("batches with very many records or headers", () => {
  const oneRecord = (headers: RecordHeaders) =>
    writeRecordBatch([{ key: null, value: Buffer.from("v"), headers }], undefined, 0);
  /** Of records that are as short as they can be. */
  const packed = (records: number) => {
    const head = Buffer.from(
      writeRecordBatch([{ key: null, value: null }], undefined, 0).subarray(0, 61),
    );
    const body = zstdCompressSync(Buffer.alloc(7 * records, Buffer.from([12, 0, 0, 0, 1, 1, 0])));
    head.writeInt16BE(4, 21);
    head.writeInt32BE(records, 57);
    head.writeInt32BE(records - 1, 23);
    head.writeInt32BE(61 - 12 + body.length, 8);
    return Buffer.concat([head, body]);
  };

  it("are read in the time that their bytes take: 100,000 headers of one name", () => {
    const batch = oneRecord({ x: Array<string>(100_000).fill("") });
    const beganMs = performance.now();
    const [record] = readRecordBatches(batch).records;
    expect(record?.headers["x"]).toHaveLength(100_000);
    expect(performance.now() - beganMs).toBeLessThan(2_000);
  });

  it.each<[string, Buffer]>([
    ["records, packed to 5 KB", packed(9_000_000)],
    ["headers of one name", oneRecord({ x: Array<string>(MAX_OBJECTS).fill("") })],
    [
      "headers of different names",
      oneRecord(Object.fromEntries(Array.from({ length: MAX_OBJECTS }, (_, at) => [at, ""]))),
    ],
  ])("stop their partition after the batches before them: %s", (_what, batch) => {
    expect(() => readRecordBatches(batch)).toThrow(
      `The batch at offset 0 has more than the allowed ${MAX_OBJECTS} records and headers`,
    );
    const { records, end } = readRecordBatches(Buffer.concat([oneRecord({}), batch]));
    expect(records).toHaveLength(1);
    expect(end?.nextOffset).toBe(1n);
  });

  it("are read one after the other if each alone is allowed", () => {
    const batch = packed(MAX_OBJECTS);
    expect(readRecordBatches(Buffer.concat([batch, batch])).records).toHaveLength(MAX_OBJECTS);
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
    ["too many headers", damaged((batch) => void (batch[61 + 7] = 0x7e))],
    ["an older format", damaged((batch) => void (batch[16] = 1))],
    ["what cannot be unpacked", damaged((batch) => batch.writeInt16BE(4, 21))],
  ];

  it.each(cases)("end a read after the batches before them: %s", (_what, batch) => {
    const { records, end } = readRecordBatches(Buffer.concat([good(), batch, good()]));
    expect(records.map(({ offset }) => offset)).toEqual(["0"]);
    expect(end?.nextOffset).toBe(1n);
    expect(() => readRecordBatches(batch)).toThrow("The batch at offset 1 ");
  });
});
