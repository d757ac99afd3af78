import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readRecordBatches } from "./record-batch-reader.ts";

const require = createRequire(import.meta.url);
const kafkajs = require("kafkajs/src/protocol/requests/fetch/v11/response") as {
  decode: (bytes: Buffer) => Promise<Response>;
};

type Message = Record<string, unknown> & { batchContext: Record<string, unknown> };
type Response = { responses: { partitions: { messages: Message[] }[] }[] };

/** What the client looks at of a record. */
const shown = (messages: readonly Message[]) =>
  messages.map(({ batchContext, ...message }) => {
    const { firstOffset, producerId, inTransaction, isControlBatch } = batchContext;
    return {
      ...message,
      batchContext: { firstOffset, producerId, inTransaction, isControlBatch },
    };
  });

const int8 = (value: number) => Buffer.from([value]);
const int16 = (value: number) => sized(2, (bytes) => bytes.writeInt16BE(value));
const int32 = (value: number) => sized(4, (bytes) => bytes.writeInt32BE(value));
const int64 = (value: bigint) => sized(8, (bytes) => bytes.writeBigInt64BE(value));
const text = (value: string) =>
  Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
const list = (items: readonly Buffer[]) => Buffer.concat([int32(items.length), ...items]);
function sized(bytes: number, fill: (into: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  fill(buffer);
  return buffer;
}
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value);
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
}
const varBytes = (value: Buffer | null) =>
  value === null ? varint(-1) : Buffer.concat([varint(value.length), value]);

type Sample = {
  delta: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: [string, Uint8Array][];
};
type SampleBatch = { first: bigint; at: bigint; attributes: number; records: Sample[] };

function recordBatch({ first, at, attributes, records }: SampleBatch): Buffer {
  const encoded = records.map(({ delta, key, value, headers }, place) => {
    const body = Buffer.concat([
      int8(0),
      varint(delta),
      varint(place),
      varBytes(key && Buffer.from(key)),
      varBytes(value && Buffer.from(value)),
      varint(headers.length),
      ...headers.flatMap(([name, content]) => [
        varBytes(Buffer.from(name)),
        varBytes(Buffer.from(content)),
      ]),
    ]);
    return Buffer.concat([varint(body.length), body]);
  });
  const body = Buffer.concat([
    int32(7),
    int8(2),
    int32(0),
    int16(attributes),
    int32(records.length - 1),
    int64(at),
    int64(at + 1_000n),
    int64(77n),
    int16(1),
    int32(0),
    list(encoded),
  ]);
  return Buffer.concat([int64(first), int32(body.length), body]);
}

const cut = (batches: readonly Buffer[], cutBytes = 0): Buffer => {
  const whole = Buffer.concat(batches);
  return whole.subarray(0, whole.length - cutBytes);
};

/** A fetch response as kafkajs reads it, version 11. */
const response = (messages: Buffer): Buffer => {
  const partition = Buffer.concat([
    int32(0),
    int16(0),
    int64(90n),
    int64(80n),
    int64(3n),
    list([]),
    int32(-1),
    int32(messages.length),
    messages,
  ]);
  const topic = Buffer.concat([text("tópic"), list([partition])]);
  return Buffer.concat([int32(0), int16(0), int32(0), list([topic])]);
};

const read = (fetched: Buffer) => readRecordBatches(fetched).records as unknown as Message[];

const bytes = fc.uint8Array({ maxLength: 200 });
const anyBatch: fc.Arbitrary<SampleBatch> = fc.record({
  first: fc.bigInt({ min: 0n, max: 2n ** 52n }),
  at: fc.bigInt({ min: 0n, max: 4_000_000_000_000n }),
  // Times of the log, transactions and their markers.
  attributes: fc.constantFrom(0, 0x08, 0x10, 0x30),
  records: fc.array(
    fc.record({
      delta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.array(fc.tuple(fc.constantFrom("a", "b", "traceparent"), bytes), {
        maxLength: 3,
      }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

describe("our reading of record batches", () => {
  it("gives the same result as kafkajs, also for an incomplete batch", async () => {
    const property = fc.asyncProperty(
      fc.array(anyBatch, { minLength: 1, maxLength: 4 }),
      fc.nat(30),
      async (batches, cutBytes) => {
        const fetched = cut(batches.map(recordBatch), cutBytes);
        const theirs = await kafkajs.decode(response(fetched));
        expect(shown(read(fetched))).toEqual(
          shown(theirs.responses[0]?.partitions[0]?.messages ?? []),
        );
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it("does not read older formats", () => {
    const old = recordBatch(oneRecord());
    old[16] = 1;
    expect(() => read(old)).toThrow("older than message format 2");
  });

  it("names a batch that cannot be decompressed, after the batches before it", () => {
    const broken = recordBatch({ ...oneRecord(), first: 9n, attributes: 4 });
    expect(() => read(broken)).toThrow("The batch at offset 9 cannot");
    expect(read(cut([recordBatch(oneRecord()), broken]))).toHaveLength(1);
  });
});

const oneRecord = (): SampleBatch => ({
  first: 0n,
  at: 0n,
  attributes: 0,
  records: [{ delta: 0, key: null, value: null, headers: [] }],
});
