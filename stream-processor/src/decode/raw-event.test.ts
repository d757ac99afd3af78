import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import fc from "fast-check";
import { createReadRawEvent, eventIdOf, isFault, type RawEvent, seenNodeOf } from "./raw-event.ts";

const schema = readAvroSchema("ProbeMetric");
const readRawEvent = createReadRawEvent(schema);
const type = avsc.Type.forSchema(schema as avsc.Schema);
const example = Object.fromEntries(schema.fields.map(({ name, example: value }) => [name, value]));

const text = (maxLength: number) =>
  fc
    .string({ unit: "binary", minLength: 1, maxLength })
    .filter((value) => value.isWellFormed() && !value.includes("\0"));
const roundTrip = fc.double({ min: 0, max: 10_000, noNaN: true });
const event = fc.record({
  event_id: fc.uuid(),
  tenant: text(20),
  node_id: text(50),
  country: fc.constantFrom("GH", "NG"),
  region: text(100),
  latency_ms: fc.option(roundTrip),
  uptime_pct: fc.double({ min: 0, max: 100, noNaN: true }),
  packet_loss: fc.double({ min: 0, max: 100, noNaN: true }),
  timestamp: fc.integer({ min: 0, max: 9_007_199_254_740 }).map((ms) => ms * 1_000 + 7),
  sent: fc.option(fc.nat(1_000_000)),
  received: fc.option(fc.nat(1_000_000)),
  rtt_min_ms: fc.option(roundTrip),
  rtt_max_ms: fc.option(roundTrip),
  rtt_stddev_ms: fc.option(roundTrip),
  jitter_ms: fc.option(roundTrip),
  rtts_ms: fc.option(fc.array(roundTrip, { maxLength: 20 })),
  error: fc.constantFrom(null, "timeout", "other"),
  target_host: fc.option(text(255)),
  probe_type: text(50),
  metadata: fc.option(fc.json()),
  source_region: fc.option(text(100)),
  received_at: fc.integer({ min: 0, max: 2 ** 50 }),
});
const read = (value: object) => readRawEvent(type.toBuffer({ ...example, ...value }));
const eventOf = (value: object) => read(value) as RawEvent;

describe("raw event", () => {
  it("reads the same values as the Avro library, of any event", () => {
    fc.assert(
      fc.property(event, (value) => {
        const found = readRawEvent(type.toBuffer(value));
        if (isFault(found)) throw new Error(found.why);
        expect(found).toMatchObject({
          nodeId: value.node_id,
          latencyMs: value.latency_ms ?? Number.NaN,
          packetLossPct: value.latency_ms === null ? 100 : value.packet_loss,
          timestampMicros: value.timestamp,
          receivedAtMicros: value.received_at,
        });
        expect(seenNodeOf(found)).toEqual({
          nodeId: value.node_id,
          tenant: value.tenant,
          country: value.country,
          region: value.region,
        });
        expect(eventIdOf(found)).toBe(value.event_id);
      }),
    );
  });

  it("rejects bytes that are truncated or too long, and never throws", () => {
    const bytes = type.toBuffer(example);
    for (let length = 0; length < bytes.length; length++) {
      expect(isFault(readRawEvent(bytes.subarray(0, length)))).toBe(true);
    }
    expect(isFault(readRawEvent(Buffer.concat([bytes, Buffer.from([0])])))).toBe(true);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (junk) => void readRawEvent(Buffer.from(junk)),
      ),
    );
  });

  it("reads an array in blocks of any form, and rejects one that does not end", () => {
    const bytes = type.toBuffer({ ...example, rtts_ms: [1, 2] });
    const items = Buffer.alloc(16);
    items.writeDoubleLE(1);
    items.writeDoubleLE(2, 8);
    const at = bytes.indexOf(items);
    const withArray = (...parts: readonly (Buffer | number)[]) =>
      readRawEvent(
        Buffer.concat([
          bytes.subarray(0, at - 1),
          ...parts.map((part) => (typeof part === "number" ? Buffer.of(part) : part)),
          bytes.subarray(at + 17),
        ]),
      );
    const [one, two] = [items.subarray(0, 8), items.subarray(8)];
    expect(isFault(withArray(4, items, 0))).toBe(false);
    expect(isFault(withArray(2, one, 2, two, 0))).toBe(false);
    expect(isFault(withArray(3, 32, items, 0))).toBe(false);
    expect(withArray(126, items, 0)).toMatchObject({ kind: "undecodable" });
    expect(withArray(4, items)).toMatchObject({ kind: "undecodable" });
  });

  it.each([
    ["an event_id that is no UUID", { event_id: "x".repeat(36) }],
    ["an event_id of another length", { event_id: "5f0c1c1e" }],
    ["an empty node_id", { node_id: "" }],
    ["a latency that is no number", { latency_ms: Number.NaN }],
    ["a jitter that is no number", { jitter_ms: Number.NaN }],
    ["a round-trip time that is no number", { rtts_ms: [1, Number.POSITIVE_INFINITY, 2] }],
    ["an uptime that is no number", { uptime_pct: Number.NaN }],
    ["an infinite uptime", { uptime_pct: Number.POSITIVE_INFINITY }],
    ["an infinite packet loss", { packet_loss: Number.NEGATIVE_INFINITY }],
    ["a NUL in its country", { country: "G\0" }],
    ["a country that fills caches", { country: "G".repeat(101) }],
    ["a region that fills caches", { region: "ü".repeat(101) }],
  ])("rejects %s", (_what, change) => {
    expect(read(change)).toMatchObject({ kind: "invalid-record" });
  });

  it("accepts an empty region, whose length is 0", () => {
    expect(isFault(read({ region: "" }))).toBe(false);
  });

  it("tells equal content from different content, whenever and wherever it was received", () => {
    const first = eventOf({});
    expect(eventOf({ received_at: 1, source_region: "eu-north" })).toMatchObject({
      id: first.id,
      content: first.content,
    });
    expect(eventOf({ latency_ms: 43 }).content).not.toBe(first.content);
    expect(eventOf({ latency_ms: null }).content).not.toBe(first.content);
    expect(eventOf({ received: 198 }).content).not.toBe(first.content);
    expect(eventOf({ error: "dns" }).content).not.toBe(first.content);
    expect(eventOf({ rtts_ms: [40.25, 42.5, 47.25] }).content).not.toBe(first.content);
    expect(eventOf({ metadata: "{}" }).content).not.toBe(first.content);
    expect(eventOf({ event_id: "5f0c1c1f-7a43-5d6e-9c55-0d6c2f0f4a11" }).id).not.toBe(first.id);
  });

  it("rejects a schema in which a compared field has another role", () => {
    const other = {
      ...schema,
      fields: schema.fields.map((field) =>
        field.name === "source_region" ? { ...field, role: "content" as const } : field,
      ),
    };
    expect(() => createReadRawEvent(other)).toThrow("another ProbeMetric");
  });

  it("rejects a schema with another layout", () => {
    const other = { ...schema, fields: schema.fields.toReversed() };
    expect(() => createReadRawEvent(other)).toThrow("another ProbeMetric");
  });
});

describe("fields that are appended to the raw record", () => {
  const field = { doc: "Appended.", setBy: "probe", role: "content", default: null } as const;
  const longer: RecordSchema = {
    ...schema,
    fields: [
      ...schema.fields,
      { ...field, name: "unheard_of_ms", type: ["null", "double"] },
      { ...field, name: "resolver", type: ["null", "string"] },
      { ...field, name: "relayed_by", type: ["null", "string"], setBy: "gateway", role: "receipt" },
    ],
  };
  const longerType = avsc.Type.forSchema(longer as avsc.Schema);
  const readLonger = createReadRawEvent(longer);
  const longerOf = (value: object) =>
    readLonger(longerType.toBuffer({ ...example, ...value })) as RawEvent;

  it("are part of the content's hash exactly if their role is content", () => {
    const first = longerOf({ unheard_of_ms: 3.5, resolver: "a" });
    expect(longerOf({ unheard_of_ms: 3.5, resolver: "a", relayed_by: "x" })).toMatchObject({
      id: first.id,
      content: first.content,
      latencyMs: first.latencyMs,
    });
    const others = [
      {},
      { unheard_of_ms: 3.5 },
      { unheard_of_ms: 4, resolver: "a" },
      { resolver: "a" },
    ];
    const contents = others.map((other) => longerOf(other).content);
    expect(new Set([...contents, first.content]).size).toBe(5);
  });

  it("are validated: truncated bytes and NaN are rejected", () => {
    const bytes = longerType.toBuffer({ ...example, unheard_of_ms: 3.5, resolver: "a" });
    for (let length = 0; length < bytes.length; length++) {
      expect(readLonger(bytes.subarray(0, length))).toMatchObject({ kind: "undecodable" });
    }
    expect(longerOf({ unheard_of_ms: Number.NaN })).toEqual({
      kind: "invalid-record",
      why: "unheard_of_ms must be a number",
    });
  });

  it("must have a type that probes can send", () => {
    const odd = { ...field, name: "odd", type: { type: "map", values: "string" } } as const;
    expect(() => createReadRawEvent({ ...schema, fields: [...schema.fields, odd] })).toThrow("odd");
  });
});
