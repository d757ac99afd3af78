import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { wireValue } from "@fiberstream/kafka/wire-format";
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
    const value = wireValue(options.schemaId, avro);
    return { key: alert.node_id, value };
  };
}
