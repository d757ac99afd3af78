import { randomUUID } from "node:crypto";
import type { IncomingRecord, RecordBatch } from "@fiberstream/kafka/records";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { ok } from "@fiberstream/runtime/outcome";
import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import { createRecentEvents, type RecentEvents } from "../rows/recent-events.ts";
import { createRepeatingNodes, type RepeatingNodes } from "../rows/repeating-nodes.ts";
import { createRowBuffer } from "../rows/row-buffer.ts";
import type { SplitRows } from "../rows/row-buffers.ts";
import { createReadRows } from "../rows/row-reader.ts";
import type { TableLayout } from "../tuples/table-layout.ts";

export const sampleSchema = readAvroSchema("EnrichedProbeMetric");
export const sampleType = avsc.Type.forSchema(sampleSchema as avsc.Schema);

const example = Object.fromEntries(
  sampleSchema.fields.map(({ name, example: value }) => [name, value]),
) as EnrichedProbeMetric;

let count = 0;

/** The schema's example as an event of its own: another id, a microsecond later than the one before. */
export function sampleEvent(change: Partial<EnrichedProbeMetric> = {}): EnrichedProbeMetric {
  return {
    ...example,
    event_id: randomUUID(),
    timestamp: example.timestamp + count++,
    ...change,
  };
}

/** A record in the wire format of the schema with this id. */
export function recordOf(avro: Buffer, schemaId: number, offset = 0): IncomingRecord {
  const value = wireValue(schemaId, avro);
  return { offset: String(offset), key: null, value, timestamp: "0" };
}

export const batchOf = (
  records: readonly IncomingRecord[],
  position: { partition?: number; firstOffset?: bigint; leaderEpoch?: number } = {},
): RecordBatch => {
  const { partition = 0, firstOffset = 0n, leaderEpoch } = position;
  const nextOffset = firstOffset + BigInt(records.length);
  const log = { clusterId: "c", topicId: "t" };
  return {
    topic: "t",
    partition,
    log,
    records,
    firstOffset,
    nextOffset,
    leaderEpoch,
    highWatermark: nextOffset,
  };
};

/** Events as the rows of a batch of partition 3, with the offsets 100, 101, … */
export async function rowsOf(
  events: readonly EnrichedProbeMetric[],
  layout: TableLayout,
  recent: RecentEvents = createRecentEvents(),
  repeating: RepeatingNodes = createRepeatingNodes(),
  schema: RecordSchema = sampleSchema,
): Promise<SplitRows> {
  const rows = {
    unseen: createRowBuffer({ initialBytes: 16, initialRows: 1 }),
    seen: createRowBuffer({ initialBytes: 16, initialRows: 1 }),
  };
  const type = schema === sampleSchema ? sampleType : avsc.Type.forSchema(schema as avsc.Schema);
  const records = events.map((event, index) => recordOf(type.toBuffer(event), 1, 100 + index));
  const readRows = createReadRows({
    registry: { writerType: async () => ok(type) },
    readerSchema: schema,
    layout,
    recent,
    repeating,
  });
  const dead = await readRows([batchOf(records, { partition: 3, firstOffset: 100n })], rows);
  if (dead.length > 0) throw new Error(`not a row: ${dead[0]?.reason.message}`);
  return rows;
}
