import { randomUUID } from "node:crypto";
import { wireValue } from "@fiberstream/kafka/wire-format";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { nowMicros } from "@fiberstream/simulator/probes/timestamp";
import avsc from "avsc";
import type { EventRef, Ledger } from "../load/ledger.ts";

/** A record of the raw topic. */
export type RawRecord = { readonly key: string; readonly value: Buffer };

/**
 * Creates a function that encodes a planned event as a raw record, like a gateway, with an event_id of its own.
 * @param options.fields values of the fields that the schema has in addition to the event's own
 */
export function createRawEncoder(options: {
  ledger: Ledger;
  schema: RecordSchema;
  schemaId: number;
  fields?: Readonly<Record<string, unknown>>;
}): (event: EventRef) => RawRecord {
  const { ledger, schemaId, fields } = options;
  const type = avsc.Type.forSchema(options.schema as avsc.Schema);
  return ({ node, number }) => {
    const of = ledger.nodes[node];
    if (of === undefined) throw new RangeError(`there is no node ${node}`);
    const micros = of.micros[number] ?? 0;
    const { metadata, ...event } = of.probe.eventAt(number, micros);
    const avro = type.toBuffer({
      ...event,
      event_id: randomUUID(),
      tenant: "default",
      timestamp: micros,
      metadata: JSON.stringify(metadata),
      source_region: null,
      received_at: nowMicros(),
      ...fields,
    });
    const value = wireValue(schemaId, avro);
    return { key: event.node_id, value };
  };
}
