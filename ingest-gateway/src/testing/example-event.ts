import { readAvroSchema } from "@fiberstream/schemas/avro-schema";

const examples = Object.fromEntries(
  readAvroSchema("ProbeMetric").fields.map(({ name, example }) => [name, example]),
);

/** A valid event as a probe sends it, for tests; measured now unless `changes` say otherwise. */
export const exampleEvent = (changes: Readonly<Record<string, unknown>> = {}) => ({
  node_id: examples["node_id"],
  country: examples["country"],
  region: examples["region"],
  latency_ms: examples["latency_ms"],
  uptime_pct: examples["uptime_pct"],
  packet_loss: examples["packet_loss"],
  timestamp: new Date().toISOString().replace("Z", "456Z"),
  target_host: examples["target_host"],
  probe_type: examples["probe_type"],
  metadata: { version: "2.1.0" },
  ...changes,
});
