import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord, RecordBatch } from "@fiberstream/kafka/records";
import type { DeadReason } from "@fiberstream/runtime/outcome";
import type { MetricEvent, MetricRow } from "./metric-row.ts";

export type DeadRecord = { readonly record: IncomingRecord; readonly reason: DeadReason };

/**
 * Sorts a batch into rows and records that are none.
 * @throws {TransientError} when the schema registry is away and a writer is not known yet
 */
export async function decodeBatch(
  decoder: RecordDecoder<MetricEvent>,
  batch: RecordBatch,
): Promise<{ rows: MetricRow[]; dead: DeadRecord[] }> {
  await decoder.prepare(batch.records.map(({ value }) => value));
  const rows: MetricRow[] = [];
  const dead: DeadRecord[] = [];
  for (const record of batch.records) {
    const outcome = decoder.decode(record.value);
    if (outcome.kind === "dead") dead.push({ record, reason: outcome.reason });
    else if (UUID.test(outcome.value.event_id)) rows.push({ record, event: outcome.value });
    else dead.push({ record, reason: NOT_A_UUID });
  }
  return { rows, dead };
}

// Avro says that the text is a UUID but checks nothing, and a binary COPY carries 16 bytes whatever they are.
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NOT_A_UUID: DeadReason = {
  failureClass: "invalid-record",
  message: "event_id is not a UUID",
};
