import { createKafka } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createLog } from "@fiberstream/runtime/log";
import { timestampOf } from "@fiberstream/simulator/probes/timestamp";
import { COMPARED_FIELDS } from "@fiberstream/simulator/verify/as-sent";
import { Client } from "pg";
import type { Checker, FoundEvent, Stage } from "./checker.ts";
import type { DeadLetterCheck } from "./dead-letter-check.ts";
import type { EnrichedEnds } from "../faults/delete-offsets.ts";
import type { Ledger } from "../load/ledger.ts";
import { DERIVED, derivedOf, type Provenance } from "./provenance.ts";
import { type FoundRecord, readAll, readStage, TOPIC_OF } from "./read-topics.ts";

/**
 * Passes all committed records of the topics, and then all rows, to the checks.
 *
 * @throws {TransientError} of Kafka and the registry
 * @throws {FatalError} of Kafka and the registry
 * @throws the errors of the database
 */
export async function readFound(options: {
  namespace: string;
  brokers: readonly string[];
  schemaRegistryUrl: string;
  databaseUrl: string;
  ledger: Ledger;
  checker: Checker;
  deadLetters: DeadLetterCheck;
  /** The end offsets of the enriched topic, for each time that the processor had to start again at the beginning of raw. */
  enrichedAgain?: readonly EnrichedEnds[];
  /** Records of the enriched topic before it was deleted on purpose. */
  destroyed?: readonly FoundRecord[];
  onProgress: (progress: string) => void;
}): Promise<void> {
  const { namespace, checker, deadLetters, enrichedAgain = [], destroyed = [] } = options;
  const { onProgress } = options;
  const roundOf = (stage: Stage, partition: number, offset: string) =>
    stage === "raw"
      ? 0
      : enrichedAgain.filter((ends) => BigInt(offset) >= (ends.get(partition) ?? 0n)).length;
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: options.brokers, clientId: "chaos", log });
  const registry = createSchemaRegistry({ url: options.schemaRegistryUrl });
  const reader = await connectTopicReader({ kafka });
  try {
    for (const stage of ["raw", "enriched"] as const) {
      const topic = topicIn(namespace, TOPIC_OF[stage]);
      const take = ({ partition, record, event }: FoundRecord, round: number) => {
        if (event === undefined) deadLetters.bad(topic, partition, record);
        else checker.found(stage, event, partition, round);
      };
      onProgress(`reading ${topic}`);
      if (stage === "enriched") for (const found of destroyed) take(found, 0);
      for await (const found of readStage({ reader, registry, stage, topic })) {
        take(found, roundOf(stage, found.partition, found.record.offset));
      }
    }
    onProgress("reading the dead letters");
    const letters = readAll(reader, topicIn(namespace, "probe.metrics.dead-letter"));
    for await (const { records } of letters) {
      for (const record of records) deadLetters.deadLetter(record);
    }
  } finally {
    await reader.close();
  }
  onProgress("reading the table");
  for await (const row of readRows(options.databaseUrl, options.ledger)) {
    checker.found("table", row, undefined);
  }
}

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

const ROWS_PER_READ = 5_000;

/** Reads all rows, of all nodes. */
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
        more = rows.length === ROWS_PER_READ;
        const last = rows.at(-1);
        if (last !== undefined) after = { micros: last.micros, id: last.event_id };
      }
    }
  } finally {
    await client.end();
  }
}

/** The nodes of all rows, also of those whose node is missing in the table nodes. */
const OTHER_NODES = "SELECT DISTINCT node_id FROM metrics WHERE node_id <> ALL ($1::text[])";
const NO_ID = "00000000-0000-0000-0000-000000000000";
const ROWS_OF_A_NODE = `
  SELECT node_id, (extract(epoch FROM time) * 1000000)::float8 AS micros, event_id::text,
         ${COMPARED_FIELDS.join(", ")},
         (extract(epoch FROM received_at) * 1000000)::float8 AS received_at, tenant, source_region, extra,
         ${DERIVED.join(", ")}
    FROM metrics
   WHERE node_id = $1 AND time >= $2::timestamptz AND (time, event_id) > ($2::timestamptz, $3::uuid)
   ORDER BY time, event_id
   LIMIT ${ROWS_PER_READ}`;
