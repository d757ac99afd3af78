import type { IncomingRecord, OutgoingRecord } from "@fiberstream/kafka/records";
import { WIRE_PREFIX_BYTES, writeWirePrefix } from "@fiberstream/kafka/wire-format";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric, ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import type { RawEvent } from "./decode-raw.ts";
import type { NodeData } from "./node-data.ts";

/** Makes an event's enriched record; key, timestamp and headers stay as they were. */
export type Enrich = (
  record: IncomingRecord,
  event: RawEvent,
  nodes: ReadonlyMap<string, NodeData>,
) => OutgoingRecord;

/**
 * Appends the node's data to the event's own bytes instead of decoding and encoding them (0.5 us against
 * 4 to 6): an enriched record is a raw record and then the appended fields. A node's appended bytes are
 * made once and kept as long as its data.
 *
 * @param options.enrichedId the id of the enriched schema that is the raw schema's pair
 */
export function createEnrich(options: {
  rawSchema: RecordSchema;
  enrichedSchema: RecordSchema;
  enrichedId: number;
}): Enrich {
  const { enrichedId } = options;
  const appendedType = avsc.Type.forSchema(appendedFields(options) as avsc.Schema);
  const unavailable = appendedType.toBuffer(UNAVAILABLE);
  const appendedOf = new WeakMap<NodeData, Buffer>();

  const appended = (node: NodeData | undefined): Buffer => {
    if (node === undefined) return unavailable;
    let bytes = appendedOf.get(node);
    if (bytes === undefined) {
      bytes = appendedType.toBuffer(complete(node));
      appendedOf.set(node, bytes);
    }
    return bytes;
  };

  return (record, event, nodes) => {
    const tail = appended(nodes.get(event.nodeId));
    const value = Buffer.allocUnsafe(WIRE_PREFIX_BYTES + event.bytes.length + tail.length);
    writeWirePrefix(value, 0, enrichedId);
    event.bytes.copy(value, WIRE_PREFIX_BYTES);
    tail.copy(value, WIRE_PREFIX_BYTES + event.bytes.length);
    const { key, timestamp, headers } = record;
    return headers === undefined ? { key, value, timestamp } : { key, value, timestamp, headers };
  };
}

type Appended = Omit<EnrichedProbeMetric, keyof ProbeMetric>;

const appendedFields = (schemas: {
  rawSchema: RecordSchema;
  enrichedSchema: RecordSchema;
}): RecordSchema => ({
  ...schemas.enrichedSchema,
  name: "AppendedFields",
  fields: schemas.enrichedSchema.fields.slice(schemas.rawSchema.fields.length),
});

const complete = (node: NodeData): Appended => ({
  enrichment_status: "complete",
  node_name: node.display_name ?? node.node_name,
  node_status: node.status,
  node_country: node.country,
  node_region: node.region,
  node_city: node.city,
  node_lat: node.lat,
  node_lng: node.lng,
  node_tags: node.tags,
});

const UNAVAILABLE: Appended = {
  enrichment_status: "unavailable",
  node_name: null,
  node_status: null,
  node_country: null,
  node_region: null,
  node_city: null,
  node_lat: null,
  node_lng: null,
  node_tags: {},
};
