import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createReadRawEvent, type RawEvent } from "../decode/raw-event.ts";
import type { NodeData } from "../nodes/node-data.ts";
import { createEnrich } from "./enrich.ts";

const rawSchema = readAvroSchema("ProbeMetric");
const enrichedSchema = readAvroSchema("EnrichedProbeMetric");
const rawType = avsc.Type.forSchema(rawSchema as avsc.Schema);
const enrichedType = avsc.Type.forSchema(enrichedSchema as avsc.Schema);
const raw = Object.fromEntries(rawSchema.fields.map(({ name, example }) => [name, example]));

const node: NodeData = {
  node_id: "probe-accra-01",
  node_name: "probe-probe-ac",
  display_name: "Accra airport",
  status: "reporting",
  country: "GH",
  region: "Greater Accra",
  city: "Accra",
  lat: 5.6037,
  lng: -0.187,
  tags: { site: "airport" },
  revision: 2,
};
const event = createReadRawEvent(rawSchema)(rawType.toBuffer(raw)) as RawEvent;
const anomaly = {
  latencyMeanMs: 40,
  latencyStddevMs: 2.5,
  latencyZ: 1.1,
  isLossSpike: true,
  score: 0.75,
  reason: "packet_loss",
} as const;
const about = { quality: "good", node: undefined, anomaly: undefined } as const;
const record = { offset: "1", key: Buffer.from("probe-accra-01"), value: null, timestamp: "17" };
const enrich = createEnrich({ rawSchema, enrichedSchema, enrichedId: 7 });
const decode = (value: Buffer | null) =>
  enrichedType.fromBuffer(value?.subarray(WIRE_PREFIX_BYTES) ?? Buffer.alloc(0)) as object;

describe("enrich", () => {
  it("appends the node's data to the event, under the enriched schema's id", () => {
    const enriched = enrich(record, event, { ...about, node });
    expect(enriched.value?.readInt32BE(1)).toBe(7);
    expect(decode(enriched.value)).toMatchObject({
      ...raw,
      enrichment_status: "complete",
      node_name: "Accra airport",
      node_status: "reporting",
      node_city: "Accra",
      node_lat: 5.6037,
      node_tags: { site: "airport" },
    });
  });

  it("marks the record if the node's data is unavailable", () => {
    expect(decode(enrich(record, event, about).value)).toMatchObject({
      ...raw,
      enrichment_status: "unavailable",
      node_name: null,
      node_tags: {},
    });
  });

  it("appends the fields that are derived from the event and its node's window", () => {
    const enriched = enrich(record, event, { quality: "late", node, anomaly });
    expect(decode(enriched.value)).toMatchObject({
      quality: "late",
      ingest_delay_ms: 100,
      latency_mean_ms: 40,
      latency_stddev_ms: 2.5,
      latency_z: 1.1,
      packet_loss_spike: true,
      anomaly_score: 0.75,
      anomaly_reason: "packet_loss",
    });
    const usual = { ...anomaly, score: 0.1, reason: null };
    expect(decode(enrich(record, event, { ...about, anomaly: usual }).value)).toMatchObject({
      anomaly_score: 0.1,
      anomaly_reason: null,
    });
    const outage = { ...anomaly, latencyMeanMs: null, latencyStddevMs: null, latencyZ: null };
    expect(decode(enrich(record, event, { ...about, anomaly: outage }).value)).toMatchObject({
      latency_mean_ms: null,
      latency_stddev_ms: null,
      latency_z: null,
      packet_loss_spike: true,
      anomaly_score: 0.75,
    });
    expect(decode(enrich(record, event, about).value)).toMatchObject({
      quality: "good",
      latency_z: null,
      packet_loss_spike: false,
      anomaly_score: null,
      anomaly_reason: null,
    });
  });

  it("keeps key, timestamp and headers", () => {
    const headers = { traceparent: Buffer.from("00-1") };
    const enriched = enrich({ ...record, headers }, event, about);
    expect(enriched).toMatchObject({ key: record.key, timestamp: "17", headers });
    expect(enrich(record, event, about)).not.toHaveProperty("headers");
  });
});
