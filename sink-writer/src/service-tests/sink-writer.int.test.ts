import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import pg from "pg";
import { sampleEvent } from "../testing/sample-rows.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const schema = readAvroSchema("EnrichedProbeMetric");
const type = avsc.Type.forSchema(schema as avsc.Schema);

let life: Life;
let namespace: string;
let topic: string;
let database: TestDatabase;
let sql: pg.Client;
let producer: Producer;
let schemaId: number;

beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  topic = topicIn(namespace, "probe.metrics.enriched");
  database = life.own(await createTestDatabase(), (owned) => owned.drop());
  await createTestTopics(namespace);
  sql = life.own(new pg.Client({ connectionString: database.url }), (owned) => owned.end());
  await sql.connect();
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  schemaId = await registry.idOf(subjectOf(topic), schema);
});
afterEach(() => life.stop());

const start = async (environment: Record<string, string> = {}): Promise<RunningService> =>
  life.own(
    await startService("sink-writer", {
      NAMESPACE: namespace,
      DATABASE_URL: database.url,
      ...environment,
    }),
    (owned) => owned.kill(),
  );
const recordOf = (event: EnrichedProbeMetric) => {
  const avro = type.toBuffer(event);
  const value = wireValue(schemaId, avro);
  return { key: event.node_id, value };
};
const eventsOf = (nodeCount: number, count: number) =>
  Array.from({ length: count }, (_, place) => sampleEvent({ node_id: `n${place % nodeCount}` }));
const send = (events: readonly EnrichedProbeMetric[]) => producer.send(topic, events.map(recordOf));
const storedRows = async () =>
  (await sql.query<{ count: number }>("SELECT count(*)::int AS count FROM metrics")).rows[0]?.count;
const untilStored = (count: number) =>
  until(async () => (await storedRows()) === count, { what: `${count} rows are stored` });

describe("sink writer", () => {
  it("stores events unchanged, their nodes, and its offsets", async () => {
    const sink = await start();
    const event = sampleEvent({ timestamp: 1_790_000_000_123_457 });
    await send([event]);
    await untilStored(1);
    const { rows } = await sql.query(
      `SELECT to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS time, event_id,
              metrics.node_id, latency_ms, metadata, status
       FROM metrics JOIN nodes USING (node_id)`,
    );
    expect(rows).toEqual([
      {
        time: "2026-09-21T14:13:20.123457",
        event_id: event.event_id,
        node_id: event.node_id,
        latency_ms: event.latency_ms,
        metadata: JSON.parse(event.metadata ?? "") as unknown,
        status: "reporting",
      },
    ]);
    const offsets = await sql.query(
      "SELECT topic, next_offset FROM sink_offsets WHERE next_offset > 0",
    );
    expect(offsets.rows).toEqual([{ topic, next_offset: "1" }]);

    const metrics = await (await fetch(`${sink.adminUrl}/metrics`)).text();
    expect(metrics).toContain('fiberstream_sink_rows_total{path="copy"} 1');
    expect(metrics).toContain("fiberstream_sink_event_age_seconds_count 1");
    expect(await sink.stop()).toBe(0);
  });

  it("dead-letters records that are not events, unchanged, and stores the rest", async () => {
    await start();
    const deadLetters = await readTopic(
      addresses.kafkaBrokers,
      topicIn(namespace, "probe.metrics.dead-letter"),
    );
    life.own(deadLetters, (owned) => owned.close());
    const garbage = Buffer.from("not avro at all");
    const refused = recordOf(sampleEvent({ node_id: "n1", metadata: "{" }));
    await producer.send(topic, [
      { key: "n1", value: garbage },
      recordOf(sampleEvent({ node_id: "n1" })),
      refused,
      recordOf(sampleEvent({ node_id: "n1" })),
    ]);
    await untilStored(2);
    await until(() => deadLetters.records.length === 2, { what: "both dead letters came" });
    const byClass = new Map(
      deadLetters.records.map((letter) => [letter.headers["fiber.dlq.failure-class"], letter]),
    );
    expect(byClass.get("not-avro")?.value).toEqual(garbage);
    expect(byClass.get("row-refused")?.value).toEqual(refused.value);
    expect(byClass.get("row-refused")?.headers).toMatchObject({
      "__connect.errors.topic": topic,
      "__connect.errors.offset": "2",
      "__dlq.errors.group": `${namespace}sink-writer`,
    });
    expect(byClass.get("row-refused")?.headers["__connect.errors.exception.message"]).toContain(
      "22P02",
    );
  });

  it("shares partitions with a second sink, and writes each event once", async () => {
    const first = await start();
    await send(eventsOf(40, 1_000));
    await untilStored(1_000);
    const second = await start();
    await send(eventsOf(40, 1_000));
    await untilStored(2_000);
    expect(await first.stop()).toBe(0);
    await send(eventsOf(40, 1_000));
    await untilStored(3_000);
    const metrics = await (await fetch(`${second.adminUrl}/metrics`)).text();
    expect(metrics).not.toMatch(/sink_rows_total\{path="staging"\} [1-9]/);
  }, 60_000);

  it("resumes by itself when the database has terminated its connections", async () => {
    await start();
    await send(eventsOf(12, 500));
    await untilStored(500);
    await sql.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'fiberstream-sink-writer'`,
    );
    await send(eventsOf(12, 500));
    await untilStored(1_000);
  });

  it("does not start on a database without its tables, and says what to do", async () => {
    await sql.query("DROP TABLE sink_offsets");
    await expect(start()).rejects.toThrow(/Run the migrations/);
  });
});
