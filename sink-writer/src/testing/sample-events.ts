import {
  type AvroSchema,
  readAvroSchema,
  type RecordField,
} from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import fc from "fast-check";

/** Any text that PostgreSQL can hold: all of Unicode but NUL. */
const text = (limits: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: "grapheme", ...limits }).filter((value) => !value.includes("\0"));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value);
const percent = fc.double({ min: 0, max: 100, noNaN: true });
/** From 1800 to 2200, to the microsecond. */
const micros = fc.integer({ min: -5_364_662_400_000_000, max: 7_258_118_400_000_000 });
const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: "grapheme" })
  .map((value) => JSON.stringify(value))
  // JSONB holds no NUL either.
  .filter((value) => !value.includes("\\u0000"));

const LISTED = {
  event_id: fc.uuid(),
  tenant: text({ maxLength: 80 }),
  node_id: text({ minLength: 1, maxLength: 10 }),
  country: text({ maxLength: 2 }),
  region: text({ maxLength: 100 }),
  latency_ms: maybe(fc.double()),
  uptime_pct: percent,
  packet_loss: percent,
  timestamp: micros,
  target_host: maybe(text({ maxLength: 255 })),
  probe_type: text({ maxLength: 50 }),
  metadata: maybe(json),
  source_region: maybe(text({ maxLength: 100 })),
  received_at: micros,
  enrichment_status: fc.constantFrom("unknown", "complete", "unavailable"),
  node_name: maybe(text({ maxLength: 70 })),
  node_status: maybe(
    fc.constantFrom("unknown", "registered", "reporting", "inactive", "deleted" as const),
  ),
  node_country: maybe(text({ maxLength: 2 })),
  node_region: maybe(text({ maxLength: 10 })),
  node_city: maybe(text({ maxLength: 10 })),
  node_lat: maybe(fc.double({ min: -90, max: 90, noNaN: true })),
  node_lng: maybe(fc.double({ min: -180, max: 180, noNaN: true })),
  node_tags: fc.dictionary(text({ maxLength: 10 }), text({ maxLength: 70 }), { maxKeys: 3 }),
  quality: fc.constantFrom("unknown", "good", "late", "ahead"),
  ingest_delay_ms: maybe(fc.double()),
  latency_mean_ms: maybe(fc.double()),
  latency_stddev_ms: maybe(fc.double()),
  latency_z: maybe(fc.double()),
  packet_loss_spike: fc.boolean(),
  anomaly_score: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
  anomaly_reason: maybe(text({ maxLength: 20 })),
};

/** The fields that are not listed have any value of their type. */
const further = readAvroSchema("EnrichedProbeMetric")
  .fields.filter(({ name }) => !(name in LISTED))
  .map((field) => [field.name, ofType(field.type, field)] as const);

/** Any event that the table takes, extremes included. */
export const anyEvent = fc.record({
  ...LISTED,
  ...Object.fromEntries(further),
}) as fc.Arbitrary<EnrichedProbeMetric>;

function ofType(type: AvroSchema | undefined, field: RecordField): fc.Arbitrary<unknown> {
  if (Array.isArray(type)) return maybe(ofType(type[1], field));
  if (type === "double") return fc.double();
  if (type === "int") return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  if (typeof type === "object" && type.type === "enum") return fc.constantFrom(...type.symbols);
  if (typeof type === "object" && type.type === "array") {
    // The client library, which writes the rows to compare with, makes 0 of a -0 in an array.
    return fc.array(ofType(type.items, field).map((item) => (item === 0 ? 0 : item)));
  }
  return type === "string" ? text({ maxLength: 20 }) : fc.constant(field.default);
}
