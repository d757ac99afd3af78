import type { SeenRecord } from "./decoded-record.ts";

/** The columns of a table, by what its records are. The first whose fields are there is taken. */
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

/** What a table of such records shows: the key stands in for what has no fields. */
export function columnsFor({ fields }: SeenRecord): readonly string[] {
  if (fields === undefined) return ["key"];
  const found = COLUMN_SETS.find((names) => names.every((name) => Object.hasOwn(fields, name)));
  if (found !== undefined) return found;
  return ["key", ...Object.keys(fields)];
}

/** The style of a line, by what it says; undefined for most. */
export function styleOf({ fields }: SeenRecord): "red" | "yellow" | "green" | "dim" | undefined {
  if (fields === undefined) return "dim";
  const { anomaly_score, quality, state, fault, status } = fields;
  if (fault !== undefined || state === "opened") return "red";
  if (typeof anomaly_score === "number" && anomaly_score >= ANOMALY) return "red";
  if (state === "resolved") return "green";
  if (quality === "late" || quality === "ahead" || status === "inactive") return "yellow";
  return undefined;
}

/** From here on the processor calls an event an anomaly. */
const ANOMALY = 0.5;
