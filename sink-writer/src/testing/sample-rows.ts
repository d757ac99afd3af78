import { randomUUID } from "node:crypto";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import type { MetricRow } from "../metric-row.ts";

const example = Object.fromEntries(
  readAvroSchema("EnrichedProbeMetric").fields.map(({ name, example: value }) => [name, value]),
) as EnrichedProbeMetric;

let count = 0;

/** The schema's example as an event of its own: another id, a microsecond later than the one before. */
export function sampleEvent(change: Partial<EnrichedProbeMetric> = {}): EnrichedProbeMetric {
  return {
    ...example,
    event_id: randomUUID(),
    timestamp: example.timestamp + count++,
    ...change,
  };
}

/** A row whose record is as good as any. */
export const sampleRow = (change: Partial<EnrichedProbeMetric> = {}): MetricRow => ({
  event: sampleEvent(change),
  record: { offset: String(count), key: null, value: null, timestamp: "0" },
});
