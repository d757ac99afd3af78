// Prints probe.metrics.enriched as JSON lines: npm install @fiberstream/client && node consume.ts
import { type Cluster, consume, isoOf } from "@fiberstream/client";

const {
  KAFKA_BROKERS = "localhost:9092",
  SCHEMA_REGISTRY_URL = "http://localhost:8081/apis/ccompat/v7",
  NAMESPACE = "",
  GROUP = "my-team",
  MAX_RECORDS = "0", // 0: without end
  IDLE_SECONDS = "0", // 0: waits for ever
} = process.env;

const cluster: Cluster = {
  brokers: KAFKA_BROKERS.split(","),
  schemaRegistryUrl: SCHEMA_REGISTRY_URL,
  namespace: NAMESPACE,
};
const stopping = new AbortController();
process.once("SIGTERM", () => stopping.abort());

let idle: NodeJS.Timeout | undefined;
const waitForNext = () => {
  clearTimeout(idle);
  if (IDLE_SECONDS !== "0") idle = setTimeout(() => stopping.abort(), Number(IDLE_SECONDS) * 1_000);
};

waitForNext();
let records = 0;
const topic = "probe.metrics.enriched";
for await (const { value } of consume({ cluster, topic, group: GROUP, signal: stopping.signal })) {
  // Its type is EnrichedProbeMetric: every field is known to the editor.
  const times = { timestamp: isoOf(value.timestamp), received_at: isoOf(value.received_at) };
  console.log(JSON.stringify({ ...value, ...times }));
  waitForNext();
  if (++records === Number(MAX_RECORDS)) stopping.abort(); // The loop ends after this record.
}
clearTimeout(idle);
