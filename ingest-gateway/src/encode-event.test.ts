import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import fc from "fast-check";
import { createEventEncoder, ENCODED_EVENT_MAX_BYTES } from "./encode-event.ts";
import { LIMITS } from "./limits.ts";
import { createEventValidator } from "./validate-event.ts";

const schema = readAvroSchema("ProbeMetric");
const type = avsc.Type.forSchema(schema as avsc.Schema);
const encode = createEventEncoder({ schema, schemaId: 7 });
const NOW_MICROS = Date.UTC(2026, 10, 5, 12) * 1_000;
const DAY_MS = 86_400_000;
const validate = createEventValidator({
  schema,
  maxAgeMs: 7 * DAY_MS,
  maxAheadMs: 300_000,
  metadataMaxBytes: LIMITS.eventBytes,
});

const anyText = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: "binary", maxLength }),
    fc.string({ unit: "grapheme", maxLength }),
    fc.constantFrom("\0", "\ud800", "", "x".repeat(maxLength + 1)),
  );
const anyNumber = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 100 }),
  fc.constantFrom(0, -0, 100, 10_000, 5e-324),
);
const time = fc
  .tuple(fc.integer({ min: -7 * DAY_MS, max: 300_000 }), fc.integer({ min: 0, max: 999 }))
  .map(([ms, micros]) => {
    const text = new Date(NOW_MICROS / 1_000 + ms).toISOString();
    return text.replace("Z", `${String(micros).padStart(3, "0")}Z`);
  });
/** Mostly valid, each field at times not. */
const event = fc.record(
  {
    node_id: anyText(50),
    country: fc.oneof(
      { weight: 9, arbitrary: fc.constant("GH") },
      { weight: 1, arbitrary: anyText(2) },
    ),
    region: anyText(100),
    latency_ms: anyNumber,
    uptime_pct: fc.double({ min: 0, max: 100, noNaN: true }),
    packet_loss: fc.double({ min: 0, max: 100, noNaN: true }),
    timestamp: time,
    target_host: fc.option(anyText(255)),
    probe_type: anyText(50),
    metadata: fc.option(fc.dictionary(fc.string(), fc.jsonValue())),
  },
  { requiredKeys: ["country", "uptime_pct", "packet_loss", "timestamp"] },
);

describe("what validation accepts", () => {
  it("encodes and decodes to the same value, microseconds included", () => {
    const slab = Buffer.alloc(ENCODED_EVENT_MAX_BYTES);
    let accepted = 0;
    fc.assert(
      fc.property(event, fc.constantFrom("default", "acme"), (input, tenant) => {
        const record = validate(input, {
          tenant,
          sourceRegion: null,
          receivedAtMicros: NOW_MICROS,
          nodeId: "the-batch's",
        });
        if (Array.isArray(record)) return;
        accepted++;
        const end = encode(record, slab, 0);
        expect(schemaIdOf(slab)).toBe(7);
        expect({ ...(type.fromBuffer(slab.subarray(WIRE_PREFIX_BYTES, end)) as object) }).toEqual(
          record,
        );
        const [, fraction = ""] = /\.(\d{6})Z$/.exec(input.timestamp) ?? [];
        expect(record.timestamp % 1_000_000).toBe(Number(fraction));
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
