import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { exampleRecord } from "@fiberstream/schemas/example-record";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import fc from "fast-check";
import type { FaultCode } from "@fiberstream/event-rules/fault";
import { isPrintable } from "@fiberstream/event-rules/shown-value";
import { createEventEncoder, ENCODED_EVENT_MAX_BYTES } from "../produce/encode-event.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { createEventValidator } from "@fiberstream/event-rules/validate-event";

const schema = readAvroSchema("ProbeMetric");
const dayMs = 24 * 60 * 60 * 1_000;
const { validate, countUnknownFields } = createEventValidator({
  schema,
  maxAgeMs: 7 * dayMs,
  maxAheadMs: 5 * 60_000,
  metadataMaxBytes: 4_096,
});
const receivedAt = Date.UTC(2026, 10, 5, 12);
const origin = { tenant: "default", sourceRegion: null, receivedAtMicros: receivedAt * 1_000 };
const example = (changes: Record<string, unknown> = {}) =>
  exampleEvent({ timestamp: "2026-11-05T11:59:59.123456Z", ...changes });

const accepted = (input: unknown, from = {}): ProbeMetric => {
  const result = validate(input, { ...origin, ...from });
  if (Array.isArray(result)) throw new Error(JSON.stringify(result));
  return result;
};
const faultsOf = (input: unknown) => {
  const result = validate(input, origin);
  return Array.isArray(result) ? result : [];
};
/** Arrays in arrays, or objects in objects, `levels` deep. */
const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

describe("createEventValidator", () => {
  it("makes the record of an event, microseconds included", () => {
    expect(accepted(example())).toEqual({
      ...exampleRecord("ProbeMetric"),
      event_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-/),
      tenant: "default",
      node_id: "probe-accra-01",
      country: "GH",
      region: "Greater Accra",
      latency_ms: 42.75,
      uptime_pct: 99.9,
      packet_loss: 0.5,
      timestamp: Date.UTC(2026, 10, 5, 11, 59, 59) * 1_000 + 123_456,
      target_host: "one.example.net",
      probe_type: "ping",
      metadata: '{"version":"2.1.0"}',
      source_region: null,
      received_at: receivedAt * 1_000,
    });
  });

  it("fills in what may be left out, and takes null for left out", () => {
    const { target_host, probe_type, metadata, ...rest } = example();
    const absent = { target_host: null, probe_type: "ping", metadata: null };
    expect([target_host, probe_type, metadata]).not.toContain(undefined);
    expect(accepted(rest)).toMatchObject(absent);
    expect(
      accepted({ ...rest, target_host: null, probe_type: null, metadata: null }),
    ).toMatchObject(absent);
  });

  it("takes the batch's node_id for an event without one", () => {
    const { node_id, ...rest } = example();
    expect(node_id).toBeDefined();
    expect(accepted(rest, { nodeId: "relay-7" }).node_id).toBe("relay-7");
    expect(accepted(example(), { nodeId: "relay-7" }).node_id).toBe("probe-accra-01");
  });

  it("takes an event of which nothing came back, and says when it may have no latency", () => {
    const { latency_ms, error, ...rest } = example();
    expect([latency_ms, error]).not.toContain(undefined);
    const outages = [
      { packet_loss: 100 },
      { packet_loss: 100, latency_ms: null, error: null },
      { packet_loss: 0, latency_ms: null, error: "dns" },
    ];
    for (const outage of outages) expect(accepted({ ...rest, ...outage }).latency_ms).toBeNull();
    expect(accepted({ ...rest, packet_loss: 100, latency_ms: 7 }).latency_ms).toBe(7);
    for (const loss of [0, 99.9]) {
      expect(faultsOf({ ...rest, packet_loss: loss, latency_ms: null })).toEqual([
        {
          code: "REQUIRED",
          field: "latency_ms",
          message:
            "latency_ms is required, such as 42.75, unless packet_loss is 100 or error is given",
        },
      ]);
    }
  });

  it("compares what was received with what was sent, where the event has both", () => {
    const { sent, received, ...rest } = example();
    expect([sent, received]).not.toContain(undefined);
    for (const counts of [{ sent: 3, received: 3 }, { received: 3 }, { sent: 0, received: 0 }]) {
      expect(accepted({ ...rest, ...counts })).toMatchObject(counts);
    }
    expect(faultsOf({ ...rest, sent: 3, received: 4 })).toEqual([
      {
        code: "OUT_OF_RANGE",
        field: "received",
        message: "received must be at most sent (3), got 4",
      },
    ]);
    expect(faultsOf({ ...rest, sent: -1, received: 4 })).toMatchObject([{ field: "sent" }]);
    expect(faultsOf(example({ rtt_min_ms: 2, rtt_max_ms: 1 }))).toMatchObject([
      { field: "rtt_min_ms" },
    ]);
  });

  const edges: [string, unknown][] = [
    ["node_id", "n"],
    ["node_id", "n".repeat(50)],
    ["node_id", "📡".repeat(50)],
    ["region", "r".repeat(100)],
    ["latency_ms", 0],
    ["latency_ms", 10_000],
    ["uptime_pct", 100],
    ["packet_loss", 0],
    ["target_host", "h".repeat(255)],
    ["target_host", ""],
    ["probe_type", "p".repeat(50)],
    ["timestamp", "2026-10-29T12:00:00.000000Z"],
    ["timestamp", "2026-11-05T12:05:00.000000Z"],
    ["received", 200],
    ["sent", 1_000_000],
    ["jitter_ms", 0],
    ["rtts_ms", []],
    ["rtts_ms", Array.from({ length: 20 }, () => 10_000)],
    ["error", "other"],
    ["metadata", {}],
    ["metadata", nested(32)],
    ["metadata", { text: "x".repeat(4_096 - '{"text":""}'.length) }],
    ["metadata", { "\u0001": "\n" }],
  ];
  it.each(edges)("accepts %s at the edge: %j", (field, value) => {
    expect(faultsOf(example({ [field]: value }))).toEqual([]);
  });

  const bad: [string, unknown, FaultCode][] = [
    ["node_id", undefined, "REQUIRED"],
    ["node_id", null, "REQUIRED"],
    ["node_id", 7, "WRONG_TYPE"],
    ["node_id", "", "BAD_FORMAT"],
    ["node_id", "   ", "BAD_FORMAT"],
    ["node_id", "n".repeat(51), "TOO_LONG"],
    ["node_id", "📡".repeat(51), "TOO_LONG"],
    ["node_id", "a\0b", "BAD_FORMAT"],
    ["node_id", "a\ud800b", "BAD_FORMAT"],
    ["country", undefined, "REQUIRED"],
    ["country", "gh", "BAD_FORMAT"],
    ["country", "GHA", "BAD_FORMAT"],
    ["country", "GH\n", "BAD_FORMAT"],
    ["country", ["GH"], "WRONG_TYPE"],
    ["region", "r".repeat(101), "TOO_LONG"],
    ["latency_ms", "12.5", "WRONG_TYPE"],
    ["latency_ms", true, "WRONG_TYPE"],
    ["latency_ms", -3, "OUT_OF_RANGE"],
    ["latency_ms", 10_000.001, "OUT_OF_RANGE"],
    ["latency_ms", Number.POSITIVE_INFINITY, "OUT_OF_RANGE"],
    ["uptime_pct", 100.1, "OUT_OF_RANGE"],
    ["packet_loss", -0.1, "OUT_OF_RANGE"],
    ["timestamp", undefined, "REQUIRED"],
    ["timestamp", 1_790_000_000, "WRONG_TYPE"],
    ["timestamp", "2026-11-05 11:59:59", "BAD_FORMAT"],
    ["timestamp", "2026-11-05T11:59:59", "BAD_FORMAT"],
    ["timestamp", "2026-10-29T11:59:59.999999Z", "TOO_OLD"],
    ["timestamp", "2026-11-05T12:05:00.000001Z", "IN_THE_FUTURE"],
    ["target_host", 1, "WRONG_TYPE"],
    ["target_host", "h".repeat(256), "TOO_LONG"],
    ["probe_type", "", "BAD_FORMAT"],
    ["probe_type", "p".repeat(51), "TOO_LONG"],
    ["sent", 1_000_001, "OUT_OF_RANGE"],
    ["sent", 200.5, "BAD_FORMAT"],
    ["received", -1, "OUT_OF_RANGE"],
    ["received", "199", "WRONG_TYPE"],
    ["rtt_stddev_ms", -0.1, "OUT_OF_RANGE"],
    ["jitter_ms", [1], "WRONG_TYPE"],
    ["rtts_ms", 40, "WRONG_TYPE"],
    ["rtts_ms", { 0: 40 }, "WRONG_TYPE"],
    ["rtts_ms", Array.from({ length: 21 }, () => 1), "TOO_LONG"],
    ["rtts_ms", [1, null], "WRONG_TYPE"],
    ["rtts_ms", [1, "2"], "WRONG_TYPE"],
    ["rtts_ms", [1, 10_000.1], "OUT_OF_RANGE"],
    ["rtts_ms", [1, Number.POSITIVE_INFINITY], "OUT_OF_RANGE"],
    ["error", "", "BAD_FORMAT"],
    ["error", "TIMEOUT", "BAD_FORMAT"],
    ["error", 1, "WRONG_TYPE"],
    ["metadata", "text", "WRONG_TYPE"],
    ["metadata", [1], "WRONG_TYPE"],
    ["metadata", nested(33), "BAD_FORMAT"],
    ["metadata", nested(5_000), "BAD_FORMAT"],
    ["metadata", { a: [{ b: "x\0" }] }, "BAD_FORMAT"],
    ["metadata", { "k\0": 1 }, "BAD_FORMAT"],
    ["metadata", { a: "\udfff" }, "BAD_FORMAT"],
    ["metadata", { a: Number.POSITIVE_INFINITY }, "BAD_FORMAT"],
    ["metadata", { text: "x".repeat(4_096) }, "TOO_LONG"],
    ["metadata", { many: Array.from({ length: 300 }, () => 1e20) }, "TOO_LONG"],
  ];
  it.each(bad)("refuses %s with a value that breaks its rule (%#)", (field, value, code) => {
    const faults = faultsOf(example({ [field]: value }));
    expect(faults).toEqual([{ code, field, message: expect.stringContaining(field) }]);
  });

  it.each([null, [], "text", 1, true, undefined])("refuses %j in an event's place", (input) => {
    expect(faultsOf(input)).toMatchObject([{ code: "WRONG_TYPE" }]);
  });

  it("says what was wrong, what is allowed and what to do", () => {
    const messageOf = (changes: Record<string, unknown>) => faultsOf(example(changes))[0]?.message;
    expect(messageOf({ latency_ms: -3 })).toBe("latency_ms must be 0 to 10000, got -3");
    expect(messageOf({ sent: 1.5 })).toBe("sent must be a whole number, got 1.5");
    expect(messageOf({ rtts_ms: [1, -2] })).toBe(
      "rtts_ms[1] must be a number from 0 to 10000, got -2",
    );
    expect(messageOf({ error: "down" })).toBe(
      'error must be one of timeout, unreachable, refused, dns, tls, http, other, got "down"',
    );
    expect(messageOf({ country: "gh" })).toBe(
      'country must match ^[A-Z]{2}$, such as "GH", got "gh"',
    );
    expect(messageOf({ node_id: undefined })).toBe('node_id is required, such as "probe-accra-01"');
    expect(messageOf({ timestamp: "2026-01-01T00:00:00Z" })).toBe(
      'timestamp "2026-01-01T00:00:00Z" is older than 7 days, past which events are not stored: drop it (the gateway\'s clock shows 2026-11-05T12:00:00.000Z)',
    );
    expect(messageOf({ timestamp: "2026-11-06T00:00:00Z" })).toBe(
      "timestamp \"2026-11-06T00:00:00Z\" is more than 5 minutes in the future: set the probe's clock (the gateway's clock shows 2026-11-05T12:00:00.000Z)",
    );
  });

  it("tells every fault at once", () => {
    expect(faultsOf({}).map(({ field }) => field)).toEqual([
      "node_id",
      "country",
      "region",
      "latency_ms",
      "uptime_pct",
      "packet_loss",
      "timestamp",
    ]);
  });

  it("ignores and counts fields that it does not know", () => {
    const input = { ...example(), unheard_of_ms: 3, event_id: "mine", tenant: "other" };
    expect(accepted(input)).toMatchObject({ tenant: "default" });
    expect(countUnknownFields(input)).toBe(3);
    expect(countUnknownFields(JSON.parse('{"__proto__": {"node_id": "x"}}'))).toBe(1);
  });
});

describe("validation and encoding together", () => {
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const encode = createEventEncoder({ schema, schemaId: 7 });
  const slab = Buffer.alloc(ENCODED_EVENT_MAX_BYTES);
  const decode = (event: ProbeMetric): unknown =>
    type.fromBuffer(slab.subarray(WIRE_PREFIX_BYTES, encode(event, slab, 0)));

  const text = (minLength: number, maxLength: number) =>
    fc
      .string({ unit: "binary", minLength, maxLength, size: "max" })
      .filter((value) => isPrintable(value))
      .filter((value) => minLength === 0 || value.split("").some((character) => character > " "));
  const number = (max: number) => fc.double({ min: 0, max, noNaN: true });
  const microsAgo = fc.integer({ min: -5 * 60e6, max: 7 * dayMs * 1_000 });
  const timestampOf = (micros: number) =>
    `${new Date(Math.floor(micros / 1e6) * 1_000).toISOString().slice(0, 19)}.${String(micros % 1e6).padStart(6, "0")}Z`;
  const events = fc.record(
    {
      node_id: text(1, 50),
      country: fc.stringMatching(/^[A-Z]{2}$/),
      region: text(1, 100),
      latency_ms: number(10_000),
      uptime_pct: number(100),
      packet_loss: number(100),
      sent: fc.option(fc.integer({ min: 1_000, max: 1_000_000 })),
      received: fc.option(fc.integer({ min: 0, max: 1_000 })),
      jitter_ms: fc.option(number(10_000)),
      rtts_ms: fc.option(fc.array(number(10_000), { maxLength: 20 })),
      error: fc.constantFrom(null, "timeout", "http", "other"),
      target_host: fc.option(text(0, 255)),
      probe_type: text(1, 50),
      metadata: fc.option(fc.dictionary(text(0, 20), fc.jsonValue({ maxDepth: 3 }))),
    },
    { requiredKeys: ["node_id", "country", "region", "latency_ms", "uptime_pct", "packet_loss"] },
  );

  it("gives back what was accepted, whatever it is", () => {
    const property = fc.property(
      events,
      microsAgo,
      ({ metadata: sentMetadata, ...fields }, ago) => {
        const timestamp = origin.receivedAtMicros - ago;
        const sent: unknown = JSON.parse(
          JSON.stringify({ ...fields, metadata: sentMetadata, timestamp: timestampOf(timestamp) }),
        );
        const event = validate(sent, origin);
        // Only what fast-check cannot be kept from making: text of JSON with NUL, or too much of it.
        if (Array.isArray(event)) return event.every(({ field }) => field === "metadata");
        const { metadata, ...rest } = decode(event) as ProbeMetric;
        expect({ ...rest, metadata }).toEqual(event);
        expect(rest).toMatchObject({ ...fields, timestamp });
        expect(metadata === null ? null : JSON.parse(metadata)).toEqual(
          JSON.parse(JSON.stringify(sentMetadata ?? null)),
        );
        return true;
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it("has room for the largest event there can be", () => {
    const wide = (characters: number) => "📡".repeat(characters);
    const largest = accepted(
      example({
        node_id: wide(50),
        region: wide(100),
        target_host: wide(255),
        probe_type: wide(50),
        rtts_ms: Array.from({ length: 20 }, () => 0.1),
        metadata: { text: "x".repeat(4_096 - '{"text":""}'.length) },
      }),
      { tenant: wide(50), sourceRegion: wide(100) },
    );
    expect(decode(largest)).toEqual(largest);
  });
});
