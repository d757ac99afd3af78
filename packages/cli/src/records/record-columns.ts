import type { SeenRecord } from "./decoded-record.ts";

/** Columns of a table, by kind of record. The first set whose fields all exist is used. */
const COLUMN_SETS: readonly (readonly string[])[] = [
  ["failed_at", "failure_class", "origin_topic", "origin_partition", "origin_offset", "reason"],
  [
    "timestamp",
    "node_id",
    "country",
    "latency_ms",
    "uptime_pct",
    "packet_loss",
    "target_host",
    "quality",
    "anomaly_score",
  ],
  ["timestamp", "node_id", "country", "latency_ms", "uptime_pct", "packet_loss", "target_host"],
  ["at", "node_id", "kind", "state", "value", "usual"],
  ["updated_at", "node_id", "status", "node_name", "display_name", "country", "city"],
  ["fault", "bytes"],
];

/** Returns the columns of a table for such records; only the key for a record without fields. */
export function columnsFor({ fields }: SeenRecord): readonly string[] {
  if (fields === undefined) return ["key"];
  const found = COLUMN_SETS.find((names) => names.every((name) => Object.hasOwn(fields, name)));
  if (found !== undefined) return found;
  return ["key", ...Object.keys(fields)];
}

/** Returns the style of a line, by its values; undefined for most. */
export function styleOf({ fields }: SeenRecord): "red" | "yellow" | "green" | "dim" | undefined {
  if (fields === undefined) return "dim";
  const { anomaly_score, quality, state, fault, status } = fields;
  if (fault !== undefined || state === "opened") return "red";
  if (typeof anomaly_score === "number" && anomaly_score >= ANOMALY) return "red";
  if (state === "resolved") return "green";
  if (quality === "late" || quality === "ahead" || status === "inactive") return "yellow";
  return undefined;
}

/** The score from which the processor treats an event as an anomaly. */
const ANOMALY = 0.5;
