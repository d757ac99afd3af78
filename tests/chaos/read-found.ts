import { createKafka } from "@fiberstream/kafka/kafka";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { createSchemaRegistry, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { createLog } from "@fiberstream/runtime/log";
import { type RecordSchema, readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { timestampOf } from "@fiberstream/simulator/timestamp";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import type avsc from "avsc";
import { Client } from "pg";
import type { Checker, FoundEvent, Stage } from "./checker.ts";
import type { DeadLetterCheck } from "./dead-letter-check.ts";
import type { EnrichedEnds } from "./faults/delete-offsets.ts";
import type { Ledger } from "./ledger.ts";
import { DERIVED, type Provenance } from "./provenance.ts";

const TOPICS = [
  { stage: "raw", name: "probe.metrics.raw", schema: "ProbeMetric" },
  { stage: "enriched", name: "probe.metrics.enriched", schema: "EnrichedProbeMetric" },
] as const;

/**
 * Hands all that the topics hold (committed records only) and then all rows to the checks.
 * @throws {TransientError} @throws {FatalError} of Kafka and the registry; what the database says, as it came
 */
export async function readFound(options: {
  namespace: string;
  brokers: readonly string[];
  schemaRegistryUrl: string;
  databaseUrl: string;
  ledger: Ledger;
  checker: Checker;
  deadLetters: DeadLetterCheck;
  /** Where the enriched topic ended each time that the processor was sent back to the beginning of raw. */
  enrichedAgain?: readonly EnrichedEnds[];
  onProgress: (doing: string) => void;
}): Promise<void> {
  const { namespace, ledger, checker, deadLetters, enrichedAgain = [], onProgress } = options;
  const roundOf = (stage: Stage, partition: number, offset: string) =>
    stage === "raw"
      ? 0
      : enrichedAgain.filter((ends) => BigInt(offset) >= (ends.get(partition) ?? 0n)).length;
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: options.brokers, clientId: "chaos", log });
  const registry = createSchemaRegistry({ url: options.schemaRegistryUrl });
  const reader = await connectTopicReader({ kafka });
  try {
    for (const { stage, name, schema } of TOPICS) {
      const topic = topicIn(namespace, name);
      onProgress(`reading ${topic}`);
      const decoder = createRecordDecoder<ProbeMetric>({
        registry,
        readerSchema: readAvroSchema(schema),
      });
      const unknownTo = createUnknownFields(registry, readAvroSchema(schema));
      for await (const { partition, records } of readAll(reader, topic)) {
        await decoder.prepare(records.map(({ value }) => value));
        for (const record of records) {
          const outcome = decoder.decode(record.value);
          if (outcome.kind === "ok") {
            const round = roundOf(stage, partition, record.offset);
            const extra = await unknownTo(record);
            checker.found(stage, inAvro(stage, outcome.value, extra), partition, round);
          } else deadLetters.bad(topic, partition, record);
        }
      }
    }
    onProgress("reading the dead letters");
    for await (const { records } of readAll(
      reader,
      topicIn(namespace, "probe.metrics.dead-letter"),
    )) {
      for (const record of records) deadLetters.letter(record);
    }
  } finally {
    await reader.close();
  }
  onProgress("reading the table");
  for await (const row of readRows(options.databaseUrl, ledger)) {
    checker.found("table", row, undefined);
  }
}

async function* readAll(
  reader: TopicReader,
  topic: string,
): AsyncGenerator<{ partition: number; records: readonly IncomingRecord[] }> {
  for (const stretch of await reader.stretches(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      yield { partition: stretch.partition, records };
    }
  }
}

/** Reads the fields of a record whose writer knew more than this version; null when there are none. */
function createUnknownFields(
  registry: SchemaRegistry,
  known: RecordSchema,
): (record: IncomingRecord) => Promise<unknown> {
  const names = new Set(known.fields.map(({ name }) => name));
  const writers = new Map<number, { type: avsc.Type; unknown: readonly string[] }>();
  const writerOf = async (schemaId: number) => {
    const type = await registry.writerType(schemaId);
    if (type === undefined) throw new Error(`the registry does not know schema ${schemaId}`);
    const { fields } = type as avsc.types.RecordType;
    return { type, unknown: fields.map(({ name }) => name).filter((name) => !names.has(name)) };
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

/** In one order, whatever the stage. */
const derivedOf = (from: object): Record<string, unknown> =>
  Object.fromEntries(
    DERIVED.map((name) => [name, (from as Readonly<Record<string, unknown>>)[name]]),
  );

type Row = Omit<FoundEvent, "provenance"> & Omit<Provenance, "derived">;

const inTable = (row: Row): FoundEvent => ({
  ...row,
  provenance: {
    received_at: row.received_at,
    tenant: row.tenant,
    source_region: row.source_region,
    extra: row.extra,
    derived: derivedOf(row),
  },
});

const ROWS_A_READ = 5_000;

/** All rows, whoever sent them. */
async function* readRows(databaseUrl: string, ledger: Ledger): AsyncGenerator<FoundEvent> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const known = ledger.nodes.map(({ probe }) => probe.nodeId);
    const { rows: others } = await client.query<{ node_id: string }>(OTHER_NODES, [known]);
    for (const nodeId of [...known, ...others.map(({ node_id }) => node_id)]) {
      for (let after = { micros: 0, id: NO_ID }, more = true; more;) {
        const { rows } = await client.query<Row>(ROWS_OF_A_NODE, [
          nodeId,
          timestampOf(after.micros),
          after.id,
        ]);
        yield* rows.map(inTable);
        more = rows.length === ROWS_A_READ;
        const last = rows.at(-1);
        if (last !== undefined) after = { micros: last.micros, id: last.event_id };
      }
    }
  } finally {
    await client.end();
  }
}

/** Of the rows themselves: one whose node is missing from nodes is a row all the same. */
const OTHER_NODES = "SELECT DISTINCT node_id FROM metrics WHERE node_id <> ALL ($1::text[])";
const NO_ID = "00000000-0000-0000-0000-000000000000";
const ROWS_OF_A_NODE = `
  SELECT node_id, (extract(epoch FROM time) * 1000000)::float8 AS micros, event_id::text, country,
         region, latency_ms, uptime_pct, packet_loss, target_host, probe_type, metadata,
         (extract(epoch FROM received_at) * 1000000)::float8 AS received_at, tenant, source_region, extra,
         ${DERIVED.join(", ")}
    FROM metrics
   WHERE node_id = $1 AND time >= $2::timestamptz AND (time, event_id) > ($2::timestamptz, $3::uuid)
   ORDER BY time, event_id
   LIMIT ${ROWS_A_READ}`;
