import type { IncomingRecord, OutgoingRecord } from "@fiberstream/kafka/records";
import { WIRE_PREFIX_BYTES, writeWirePrefix } from "@fiberstream/kafka/wire-format";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric, ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import { ingestDelayMsOf, type Quality } from "../decode/event-time.ts";
import type { RawEvent } from "../decode/raw-event.ts";
import type { NodeData } from "../nodes/node-data.ts";
import type { Anomaly } from "../windows/anomaly.ts";
import {
  DERIVED_MAX_BYTES,
  DERIVED_NAMES,
  type DerivedFields,
  writeDerived,
} from "./derived-fields.ts";

/** Makes an event's enriched record. Key, timestamp and headers are copied. */
export type Enrich = (
  record: IncomingRecord,
  event: RawEvent,
  derived: { quality: Quality; node: NodeData | undefined; anomaly: Anomaly | undefined },
) => OutgoingRecord;

/**
 * Appends to the event's own bytes instead of decoding and encoding them (0.5 us against 4 to 6): an enriched record is
 * the raw record, followed by its node's fields and the derived fields. A node's fields are encoded once and cached as
 * long as its data.
 *
 * @param options.enrichedId the id of the enriched schema that belongs to the raw schema
 */
export function createEnrich(options: {
  rawSchema: RecordSchema;
  enrichedSchema: RecordSchema;
  enrichedId: number;
}): Enrich {
  const { enrichedId } = options;
  const nodeType = avsc.Type.forSchema(nodeFieldsSchema(options) as avsc.Schema);
  const unavailable = nodeType.toBuffer(UNAVAILABLE);
  const bytesOf = new WeakMap<NodeData, Buffer>();

  const nodeBytes = (node: NodeData | undefined): Buffer => {
    if (node === undefined) return unavailable;
    let bytes = bytesOf.get(node);
    if (bytes === undefined) {
      bytes = nodeType.toBuffer(complete(node));
      bytesOf.set(node, bytes);
    }
    return bytes;
  };

  return (record, event, { quality, node, anomaly }) => {
    const nodeFields = nodeBytes(node);
    const nodeAt = WIRE_PREFIX_BYTES + event.bytes.length;
    const buffer = Buffer.allocUnsafe(nodeAt + nodeFields.length + DERIVED_MAX_BYTES);
    writeWirePrefix(buffer, 0, enrichedId);
    buffer.set(event.bytes, WIRE_PREFIX_BYTES);
    buffer.set(nodeFields, nodeAt);
    const end = writeDerived(
      buffer,
      nodeAt + nodeFields.length,
      quality,
      ingestDelayMsOf(event),
      anomaly,
    );
    const value = buffer.subarray(0, end);
    const { key, timestamp, headers } = record;
    return hasHeaders(headers) ? { key, value, timestamp, headers } : { key, value, timestamp };
  };
}

type NodeFields = Omit<EnrichedProbeMetric, keyof ProbeMetric | keyof DerivedFields>;

/** @throws {Error} when the schema's last fields are not the derived ones, which are written by hand */
function nodeFieldsSchema(schemas: {
  rawSchema: RecordSchema;
  enrichedSchema: RecordSchema;
}): RecordSchema {
  const { fields } = schemas.enrichedSchema;
  const derivedFrom = fields.length - DERIVED_NAMES.length;
  const last = fields.slice(derivedFrom).map(({ name }) => name);
  if (last.join() !== DERIVED_NAMES.join()) {
    throw new Error(
      `derived-fields.ts writes other last fields than the schema has: ${last.join()}`,
    );
  }
  return {
    ...schemas.enrichedSchema,
    name: "NodeFields",
    fields: fields.slice(schemas.rawSchema.fields.length, derivedFrom),
  };
}

function hasHeaders(headers: IncomingRecord["headers"]): headers is NonNullable<typeof headers> {
  return headers !== undefined && Object.keys(headers).length > 0;
}

const complete = (node: NodeData): NodeFields => ({
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

const UNAVAILABLE: NodeFields = {
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
