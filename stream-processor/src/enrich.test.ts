import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createEnrich } from "./enrich.ts";
import type { NodeData } from "./node-data.ts";

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
};
const event = {
  nodeId: "probe-accra-01",
  country: "GH",
  region: "Greater Accra",
  bytes: rawType.toBuffer(raw),
};
const record = { offset: "1", key: Buffer.from("probe-accra-01"), value: null, timestamp: "17" };
const enrich = createEnrich({ rawSchema, enrichedSchema, enrichedId: 7 });
const decode = (value: Buffer | null) =>
  enrichedType.fromBuffer(value?.subarray(WIRE_PREFIX_BYTES) ?? Buffer.alloc(0)) as object;

describe("enrich", () => {
  it("appends the node's data to the event, under the enriched schema's id", () => {
    const enriched = enrich(record, event, new Map([[node.node_id, node]]));
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

  it("says so when the node's data could not be had", () => {
    expect(decode(enrich(record, event, new Map()).value)).toMatchObject({
      ...raw,
      enrichment_status: "unavailable",
      node_name: null,
      node_tags: {},
    });
  });

  it("keeps key, timestamp and headers", () => {
    const headers = { traceparent: Buffer.from("00-1") };
    const enriched = enrich({ ...record, headers }, event, new Map());
    expect(enriched).toMatchObject({ key: record.key, timestamp: "17", headers });
    expect(enrich(record, event, new Map())).not.toHaveProperty("headers");
  });
});
