import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { WIRE_PREFIX_BYTES, writeWirePrefix } from "@fiberstream/kafka/wire-format";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";

/** Makes the record of an alert's change, keyed by its node. */
export function createAlertRecord(options: {
  schema: RecordSchema;
  schemaId: number;
}): (alert: ProbeAlert) => OutgoingRecord {
  const type = avsc.Type.forSchema(options.schema as avsc.Schema);
  return (alert) => {
    const avro = type.toBuffer(alert);
    const value = Buffer.allocUnsafe(WIRE_PREFIX_BYTES + avro.length);
    writeWirePrefix(value, 0, options.schemaId);
    avro.copy(value, WIRE_PREFIX_BYTES);
    return { key: alert.node_id, value };
  };
}
