import { createHash } from "node:crypto";
import { plainExample } from "../harness/plain-example.ts";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";

const NODES = 2_000;
/** 2026-09-21T14:13:20Z. */
const FIRST_MICROS = 1_790_000_000_000_000;
const MICROS_BETWEEN = 500;

/** Has a value for the fields that are not set below. */
const EXAMPLE = plainExample("EnrichedProbeMetric");

/** Returns an event by its number; always the same one. About 250 bytes of Avro, and a row of about 270 bytes. */
export function eventAt(number: number): EnrichedProbeMetric {
  const node = (number * 7_919) % NODES;
  const spread = ((number * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
  const timestamp = FIRST_MICROS + number * MICROS_BETWEEN;
  return {
    ...EXAMPLE,
    event_id: uuidOf(number),
    tenant: "default",
    node_id: `probe-accra-${node}`,
    country: "GH",
    region: "Greater Accra",
    latency_ms: 20 + spread * 60,
    uptime_pct: 99 + spread,
    packet_loss: spread < 0.9 ? 0 : spread,
    timestamp,
    target_host: "one.example.net",
    probe_type: "ping",
    metadata: number % 4 === 0 ? '{"version":"2.1.0"}' : null,
    source_region: null,
    received_at: timestamp + 100_000,
    enrichment_status: "complete",
    node_name: `probe-probe-ac`,
    node_status: "reporting",
    node_country: "GH",
    node_region: "Greater Accra",
    node_city: "Accra",
    node_lat: 5.6037,
    node_lng: -0.187,
    node_tags: { site: "airport" },
    quality: "good",
    ingest_delay_ms: 100,
    latency_mean_ms: 50,
    latency_stddev_ms: 17.3,
    latency_z: spread,
    packet_loss_spike: false,
    anomaly_score: spread / 10,
    anomaly_reason: null,
  };
}

function uuidOf(number: number): string {
  const hex = createHash("md5").update(String(number)).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
