import type { IncomingRecord } from "@fiberstream/kafka/records";
import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";

/** The columns of `metrics`, in the order in which tuples are written. */
export const METRIC_COLUMNS = [
  "time",
  "received_at",
  "latency_ms",
  "uptime_pct",
  "packet_loss",
  "event_id",
  "node_id",
  "tenant",
  "country",
  "region",
  "source_region",
  "target_host",
  "probe_type",
  "enrichment_status",
  "metadata",
] as const;
type Column = (typeof METRIC_COLUMNS)[number];

const fieldOf = (column: Column) => (column === "time" ? "timestamp" : column);

/** What the table takes of an enriched record: the node's own data stays in `nodes`. */
export type MetricEvent = Pick<EnrichedProbeMetric, ReturnType<typeof fieldOf>>;

/** An event and the record that it came in, which is needed untouched if PostgreSQL refuses the row. */
export type MetricRow = { readonly event: MetricEvent; readonly record: IncomingRecord };

/** The reader's schema of MetricEvent: Avro skips the fields that it leaves out. */
export function metricEventSchema(): RecordSchema {
  const schema = readAvroSchema("EnrichedProbeMetric");
  const wanted = new Set<string>(METRIC_COLUMNS.map(fieldOf));
  return { ...schema, fields: schema.fields.filter(({ name }) => wanted.has(name)) };
}
