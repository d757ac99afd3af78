import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { type RecordSchema, readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type avsc from "avsc";
import type { FoundEvent, Stage } from "./checker.ts";
import { derivedOf } from "./provenance.ts";

export type TopicStage = Exclude<Stage, "table">;

export const TOPIC_OF = {
  raw: "probe.metrics.raw",
  enriched: "probe.metrics.enriched",
} as const satisfies Record<TopicStage, string>;

const SCHEMA_OF = { raw: "ProbeMetric", enriched: "EnrichedProbeMetric" } as const;

/** A record of a topic of events; without an event if it cannot be decoded. */
export type FoundRecord = {
  readonly partition: number;
  readonly record: IncomingRecord;
  readonly event: FoundEvent | undefined;
};

/**
 * Reads all records of a topic of events.
 * @throws {TransientError} of Kafka and the registry
 * @throws {FatalError} of Kafka and the registry
 */
export async function* readStage(options: {
  reader: TopicReader;
  registry: SchemaRegistry;
  stage: TopicStage;
  topic: string;
}): AsyncGenerator<FoundRecord> {
  const { reader, registry, stage } = options;
  const readerSchema = readAvroSchema(SCHEMA_OF[stage]);
  const decoder = createRecordDecoder<ProbeMetric>({ registry, readerSchema });
  const unknownTo = createUnknownFields(registry, readerSchema);
  for await (const { partition, records } of readAll(reader, options.topic)) {
    await decoder.prepare(records.map(({ value }) => value));
    for (const record of records) {
      const outcome = decoder.decode(record.value);
      const event =
        outcome.kind === "ok" ? inAvro(stage, outcome.value, await unknownTo(record)) : undefined;
      yield { partition, record, event };
    }
  }
}

/** Reads a topic's committed records, partition by partition. */
export async function* readAll(
  reader: TopicReader,
  topic: string,
): AsyncGenerator<{ partition: number; records: readonly IncomingRecord[] }> {
  for (const stretch of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      yield { partition: stretch.partition, records };
    }
  }
}

/** Creates a function that returns the fields of a record that this version does not know; null if there are none. */
function createUnknownFields(
  registry: SchemaRegistry,
  known: RecordSchema,
): (record: IncomingRecord) => Promise<unknown> {
  const names = new Set(known.fields.map(({ name }) => name));
  const writers = new Map<number, { type: avsc.Type; unknown: readonly string[] }>();
  const writerOf = async (schemaId: number) => {
    const writer = await registry.writerType(schemaId);
    if (writer.kind === "dead") throw new Error(writer.reason.message);
    const { fields } = writer.value as avsc.types.RecordType;
    return {
      type: writer.value,
      unknown: fields.map(({ name }) => name).filter((name) => !names.has(name)),
    };
  };
  return async ({ value }) => {
    const schemaId = value === null ? undefined : schemaIdOf(value);
    if (value === null || schemaId === undefined) return null;
    const writer = writers.get(schemaId) ?? (await writerOf(schemaId));
    writers.set(schemaId, writer);
    if (writer.unknown.length === 0) return null;
    const all = writer.type.fromBuffer(value.subarray(WIRE_PREFIX_BYTES)) as Record<
      string,
      unknown
    >;
    const kept = Object.entries(all).filter(
      ([name, field]) => writer.unknown.includes(name) && field !== null,
    );
    return kept.length === 0 ? null : (Object.fromEntries(kept) as unknown);
  };
}

const inAvro = (stage: Stage, event: ProbeMetric, extra: unknown): FoundEvent => ({
  ...event,
  micros: event.timestamp,
  metadata: event.metadata === null ? null : (JSON.parse(event.metadata) as unknown),
  provenance: {
    received_at: event.received_at,
    tenant: event.tenant,
    source_region: event.source_region,
    extra,
    derived: stage === "raw" ? null : derivedOf(event),
  },
});
