import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { timestampOf } from "@fiberstream/simulator/probes/timestamp";
import { COMPARED_FIELDS } from "@fiberstream/simulator/verify/as-sent";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { Client } from "pg";
import { createChecker, type FoundEvent, STAGES } from "./checker.ts";
import { createDeadLetterCheck } from "./dead-letter-check.ts";
import { createLedger } from "../load/ledger.ts";
import type { Provenance } from "./provenance.ts";
import { readFound } from "./read-found.ts";

const EVENTS = 40;
const namespace = testNamespace();
const ledger = createLedger(createFleet({ probes: 1, seed: 5, freshIds: namespace }));
const kafka = createKafka({
  brokers: [addresses.kafkaBrokers],
  clientId: "checker-test",
  log: createLog({ service: "tests", level: "silent", format: "json" }),
});
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
let database: TestDatabase;
let producer: Producer;
let sql: Client;

beforeAll(async () => {
  [database, producer] = await Promise.all([createTestDatabase(), connectProducer({ kafka })]);
  await createTestTopics(namespace);
  sql = new Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await producer.close();
  await database.drop();
});

describe("the checker on real topics and a real table", () => {
  it("finds one lost, duplicated, altered and reordered event, and nothing else", async () => {
    const events = planEvents();
    const at = (number: number): FoundEvent => {
      const event = events[number];
      if (event === undefined) throw new RangeError(String(number));
      return event;
    };
    await send("probe.metrics.raw", "ProbeMetric", events);
    const enriched = events
      .with(7, { ...at(7), latency_ms: (at(7).latency_ms ?? 0) + 1 })
      .with(20, at(21))
      .with(21, at(20))
      .toSpliced(30, 1, at(29));
    await send("probe.metrics.enriched", "EnrichedProbeMetric", enriched);
    await store(
      events
        .with(11, { ...at(11), region: "elsewhere" })
        .with(15, withProvenance(at(15), { received_at: at(15).micros + 1 }))
        .with(16, withProvenance(at(16), { tenant: "another" }))
        .with(17, withProvenance(at(17), { extra: { resolver_ms: 1 } }))
        .with(18, withProvenance(at(18), { derived: { ...DERIVATION, quality: "late" } }))
        .toSpliced(12, 1),
    );
    // Its node is not in the table nodes, and nobody has sent it.
    await store([{ ...at(14), node_id: "nobody" }]);
    await store([{ ...at(13), event_id: idOf(EVENTS + 13) }]);
    await producer.send(topicIn(namespace, "probe.metrics.raw"), [
      { key: "bad", value: Buffer.from("not an event") },
    ]);

    const checker = createChecker(ledger);
    const deadLetters = createDeadLetterCheck(topicIn(namespace, "probe.metrics.raw"));
    await readFound({
      namespace,
      brokers: [addresses.kafkaBrokers],
      schemaRegistryUrl: addresses.schemaRegistryUrl,
      databaseUrl: database.url,
      ledger,
      checker,
      deadLetters,
      onProgress: () => undefined,
    });
    const { stages, examples } = checker.verdict();
    const clean = { lost: 0, doubled: 0, altered: 0, reordered: 0, unexplained: 0 };
    expect(STAGES.map((stage) => stages[stage])).toMatchObject([
      clean,
      { ...clean, lost: 1, doubled: 1, altered: 1, reordered: 1 },
      // The row of the event that is lost in the enriched topic has no record from which it could come.
      { ...clean, lost: 1, doubled: 1, altered: 5, unexplained: 2 },
    ]);
    expect(examples).toEqual(
      expect.arrayContaining([
        expect.stringContaining("received_at"),
        expect.stringContaining("derived fields"),
        expect.stringContaining("nobody"),
      ]),
    );
    expect(deadLetters.verdict(1)).toMatchObject({ planted: 1, vanished: 0, lost: 1 });
  });
});

function planEvents(): FoundEvent[] {
  const now = Date.now() * 1_000;
  return Array.from({ length: EVENTS }, (_, number) => {
    const event = ledger.plan(0, now + number * 1_000);
    ledger.sent([event]);
    ledger.accepted(event);
    const of = ledger.nodes[0];
    if (of === undefined) throw new Error("there is no node");
    const micros = of.micros[number] ?? 0;
    const provenance: Provenance = {
      received_at: micros,
      tenant: "default",
      source_region: null,
      extra: null,
      derived: DERIVATION,
    };
    return { ...of.probe.eventAt(number, micros), micros, event_id: idOf(number), provenance };
  });
}

const DERIVATION = {
  enrichment_status: "complete",
  quality: "good",
  latency_mean_ms: 10.5,
  latency_stddev_ms: 0.1,
  latency_z: 1 / 3,
  packet_loss_spike: false,
  anomaly_score: 0.25,
  anomaly_reason: null,
};

const withProvenance = (event: FoundEvent, change: Partial<Provenance>): FoundEvent => ({
  ...event,
  provenance: { ...event.provenance, ...change },
});

const idOf = (number: number) => `00000000-0000-5000-8000-${String(number).padStart(12, "0")}`;

async function send(
  name: "probe.metrics.raw" | "probe.metrics.enriched",
  schemaName: "ProbeMetric" | "EnrichedProbeMetric",
  events: readonly FoundEvent[],
): Promise<void> {
  const topic = topicIn(namespace, name);
  const schema = readAvroSchema(schemaName);
  const schemaId = await registry.idOf(subjectOf(topic), schema);
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const records = events.map((event) => {
    const avro = type.toBuffer({
      ...event,
      ...event.provenance,
      ...DERIVATION,
      timestamp: event.micros,
      metadata: JSON.stringify(event.metadata),
    });
    const value = wireValue(schemaId, avro);
    return { key: event.node_id, value };
  });
  await producer.send(topic, records);
}

async function store(events: readonly FoundEvent[]): Promise<void> {
  for (const event of events) {
    const sent = Object.entries(event).filter(([name]) => COMPARED_FIELDS.includes(name));
    const row = {
      time: timestampOf(event.micros),
      received_at: timestampOf(event.provenance.received_at),
      node_id: event.node_id,
      event_id: event.event_id,
      tenant: event.provenance.tenant,
      extra: event.provenance.extra,
      ...Object.fromEntries(sent),
      ...event.provenance.derived,
    };
    const columns = Object.keys(row);
    await sql.query(
      `INSERT INTO metrics (${columns.join(", ")}) VALUES (${columns.map((_, at) => `$${at + 1}`).join(", ")})`,
      Object.values(row),
    );
  }
}
