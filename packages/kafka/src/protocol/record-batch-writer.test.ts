import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { maxBytesOf, writeRecordBatch } from "./record-batch-writer.ts";
import type { OutgoingRecord } from "../records.ts";

const require = createRequire(import.meta.url);
type Decoded = {
  records: { key: Buffer | null; value: Buffer | null; timestamp: string; headers: object }[];
};
const Decoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => {
  readInt64: () => unknown;
};
const decodeBatch = require("kafkajs/src/protocol/recordBatch/v0/decoder") as (
  decoder: object,
) => Promise<Decoded>;
const producer = { producerId: "4711", producerEpoch: 3, firstSequence: 12 };
const decode = async (batch: Buffer): Promise<Decoded> => decodeBatch(new Decoder(batch));

const bytes = fc.uint8Array({ maxLength: 20_000 }).map((array) => Buffer.from(array));
const record: fc.Arbitrary<OutgoingRecord> = fc.record(
  {
    key: fc.option(bytes),
    value: fc.option(bytes),
    timestamp: fc.integer({ min: 0, max: 2 ** 42 }).map(String),
    headers: fc.dictionary(fc.string({ minLength: 1 }), bytes, {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  { requiredKeys: ["key", "value"] },
);

describe("record batch writer", () => {
  it("writes any records so that kafkajs reads the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
        const batch = writeRecordBatch(records, producer, 1_790_000_000_000);
        const { records: read } = await decode(batch);
        expect(read).toHaveLength(records.length);
        read.forEach((one, index) => {
          const wrote = records[index];
          expect(one.key?.equals(wrote?.key as Buffer) ?? wrote?.key).toBe(
            wrote?.key === null ? null : true,
          );
          expect(one.value?.equals(wrote?.value ?? Buffer.from("?")) ?? wrote?.value).toBe(
            wrote?.value === null ? null : true,
          );
          expect(one.timestamp).toBe(wrote?.timestamp ?? "1790000000000");
          expect(Object.keys(one.headers).toSorted()).toEqual(
            Object.keys(wrote?.headers ?? {}).toSorted(),
          );
        });
      }),
      { numRuns: 50 },
    );
  });

  it("writes producer, transaction and length of the batch", () => {
    const records = [{ key: "a", value: Buffer.from("b") }];
    const batch = writeRecordBatch([...records, ...records], producer, 5);
    expect(batch.readInt32BE(8)).toBe(batch.length - 12);
    expect(batch.readInt16BE(21)).toBe(0x10);
    expect(batch.readInt32BE(23)).toBe(1);
    expect(batch.readBigInt64BE(43)).toBe(4711n);
    expect(batch.readInt16BE(51)).toBe(3);
    expect(batch.readInt32BE(53)).toBe(12);
    expect(batch.readUInt32BE(17)).toBe(crc32c(batch, 21, batch.length));
  });

  it.each([
    ["9223372036854775807", 2n ** 52n - 1n],
    ["-9223372036854775808", -1n],
    ["1700000000000", 1_700_000_000_000n],
    ["1.5", 1n],
    ["no time", 77n],
  ])("writes a timestamp of %s as one that can be written", (timestamp, written) => {
    const records = ["0", timestamp].map((one) => ({ key: null, value: null, timestamp: one }));
    const batch = writeRecordBatch(records, undefined, 77);
    expect(batch.readBigInt64BE(35)).toBe(written > 0n ? written : 0n);
    const [first] = records.slice(1);
    expect(first && writeRecordBatch([first], undefined, 77).readBigInt64BE(27)).toBe(written);
  });

  it("accepts text in any script as keys and headers", async () => {
    const text = {
      key: "Düsseldorf 東京 🙂".repeat(20),
      value: null,
      headers: { naïve: ["å", "ß"] },
    };
    const batch = writeRecordBatch([text], producer, 5);
    expect(batch.length).toBeLessThan(maxBytesOf(text) + 61);
    const [read] = (await decode(batch)).records;
    expect(String(read?.key)).toBe(text.key);
    expect(read?.headers).toMatchObject({ naïve: [Buffer.from("å"), Buffer.from("ß")] });
  });
});

describe("crc32c", () => {
  it("has the standard's example value, and works for any length", () => {
    expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
    expect(crc32c(Buffer.from("0123456789"), 1, 10)).toBe(0xe3069283);
  });
});
