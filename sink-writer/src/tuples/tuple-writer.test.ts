import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anyEvent } from "../testing/sample-events.ts";
import { sampleEvent, sampleType } from "../testing/sample-rows.ts";
import { NOT_A_UUID, UNDECODABLE, WRITTEN } from "./skip-code.ts";
import type { TableLayout } from "./table-layout.ts";
import { createTupleSlab } from "./tuple-slab.ts";
import { createTupleWriter, type WriteTuple } from "./tuple-writer.ts";

const layout: TableLayout = {
  columns: [
    { name: "time", field: "timestamp", kind: "timestamptz" },
    { name: "received_at", field: "received_at", kind: "timestamptz" },
    { name: "latency_ms", field: "latency_ms", kind: "float8" },
    { name: "event_id", field: "event_id", kind: "uuid" },
    { name: "node_id", field: "node_id", kind: "text" },
    { name: "target_host", field: "target_host", kind: "text" },
    { name: "enrichment_status", field: "enrichment_status", kind: "text" },
    { name: "packet_loss_spike", field: "packet_loss_spike", kind: "bool" },
    { name: "metadata", field: "metadata", kind: "jsonb" },
    { name: "sent", field: "sent", kind: "int4" },
    { name: "rtts_ms", field: "rtts_ms", kind: "float8[]" },
    { name: "error", field: "error", kind: "text" },
  ],
  hasExtra: false,
  contentFields: [],
};
const created = createTupleWriter({ writerType: sampleType, readerType: sampleType, layout });
if (created === undefined) throw new Error("no writer for the schema of this version");
const write: WriteTuple = created;

const slab = createTupleSlab({ initialBytes: 1 });
const verdictOn = (avro: Buffer) => {
  slab.at = 0;
  return write(avro, 0, avro.length, slab);
};

describe("a generated writer", () => {
  it("writes fields with their lengths, and NULL", () => {
    const event = sampleEvent({
      timestamp: Date.UTC(2000, 0, 1) * 1_000 - 1,
      received_at: Date.UTC(2000, 0, 1) * 1_000 + 2 ** 33,
      latency_ms: 1,
      event_id: "00112233-4455-6677-8899-aAbBcCdDeEfF",
      node_id: "né",
      target_host: null,
      enrichment_status: "complete",
      packet_loss_spike: true,
      metadata: "{}",
      sent: -2,
      rtts_ms: [1, -1],
      error: "dns",
    });
    expect(verdictOn(sampleType.toBuffer(event))).toBe(WRITTEN);
    expect(slab.bytes.subarray(0, slab.at).toString("hex")).toBe(
      "000c" +
        "00000008" +
        "ffffffffffffffff" +
        "00000008" +
        "0000000200000000" +
        "00000008" +
        "3ff0000000000000" +
        "00000010" +
        "00112233445566778899aabbccddeeff" +
        "00000003" +
        "6ec3a9" +
        "ffffffff" +
        "00000008" +
        "636f6d706c657465" +
        "00000001" +
        "01" +
        "00000003" +
        "017b7d" +
        "00000004" +
        "fffffffe" +
        "0000002c" +
        "0000000100000000000002bd0000000200000001" +
        "000000083ff0000000000000" +
        "00000008bff0000000000000" +
        "00000003" +
        "646e73",
    );
  });

  it("writes an event of which nothing came back", () => {
    const event = sampleEvent({ latency_ms: null, sent: null, rtts_ms: [], error: null });
    expect(verdictOn(sampleType.toBuffer(event))).toBe(WRITTEN);
    const row = slab.bytes.subarray(0, slab.at).toString("hex");
    expect(row.slice(4 + 2 * 24, 4 + 2 * 28)).toBe("ffffffff");
    expect(row.slice(-48)).toBe("ffffffff0000000c0000000000000000000002bdffffffff");
  });

  it("reads an array in blocks of any form, and refuses one that does not end", () => {
    const avro = sampleType.toBuffer(sampleEvent({ rtts_ms: [1, -1] }));
    const items = Buffer.from("000000000000f03f000000000000f0bf", "hex");
    const at = avro.indexOf(items);
    const withArray = (...parts: readonly (Buffer | number)[]) => {
      const bytes = parts.map((part) => (typeof part === "number" ? Buffer.of(part) : part));
      return Buffer.concat([avro.subarray(0, at - 1), ...bytes, avro.subarray(at + 17)]);
    };
    expect(verdictOn(avro)).toBe(WRITTEN);
    const row = slab.bytes.toString("hex", 0, slab.at);
    const [one, two] = [items.subarray(0, 8), items.subarray(8)];
    for (const blocks of [withArray(2, one, 2, two, 0), withArray(3, 32, items, 0)]) {
      expect(verdictOn(blocks)).toBe(WRITTEN);
      expect(slab.bytes.toString("hex", 0, slab.at)).toBe(row);
    }
    expect(verdictOn(withArray(126, items, 0))).toBe(UNDECODABLE);
    expect(verdictOn(withArray(1, items, 0))).toBe(UNDECODABLE);
  });

  it.each(["", "5f0c1c1e7a435d6e9c550d6c2f0f4a11", "5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a1g"])(
    "refuses %j as an event_id",
    (event_id) => {
      expect(verdictOn(sampleType.toBuffer(sampleEvent({ event_id })))).toBe(NOT_A_UUID);
      expect(slab.at).toBe(0);
    },
  );

  it("rejects bytes that are truncated at any position, or too long", () => {
    const property = fc.property(anyEvent, fc.nat(), (event, at) => {
      const avro = sampleType.toBuffer(event);
      expect(verdictOn(avro.subarray(0, at % avro.length))).toBe(UNDECODABLE);
      expect(verdictOn(Buffer.concat([avro, Buffer.from([0])]))).toBe(UNDECODABLE);
    });
    fc.assert(property);
  });

  it("reads a map's block although its size would allow skipping it", () => {
    const avro = sampleType.toBuffer(sampleEvent({ node_tags: { "": "xyz" } }));
    const block = Buffer.from("\u0002\u0000\u0006xyz\u0000");
    const at = avro.indexOf(block);
    const withBlock = (bytes: readonly number[]) =>
      Buffer.concat([avro.subarray(0, at), Buffer.from(bytes), avro.subarray(at + block.length)]);
    const item = [0, 6, ...Buffer.from("xyz")];
    expect(verdictOn(withBlock([1, 2 * item.length, ...item, 0]))).toBe(WRITTEN);
    // Thirteen items are announced where one is.
    expect(verdictOn(withBlock([25, 2 * item.length, ...item, 0]))).toBe(UNDECODABLE);
  });

  it("terminates for any bytes, and rejects what Avro cannot decode", () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    const property = fc.property(
      anyEvent,
      fc.array(change, { minLength: 1, maxLength: 5 }),
      (event, changes) => {
        const avro = sampleType.toBuffer(event);
        for (const { at, byte } of changes) avro[at % avro.length] = byte;
        const isWritten = verdictOn(avro) === WRITTEN;
        if (isWritten) expect(() => void sampleType.fromBuffer(avro)).not.toThrow();
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});
