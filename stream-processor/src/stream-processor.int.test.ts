import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { wireValue, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema, type SchemaName } from "@fiberstream/schemas/avro-schema";
import type {
  EnrichedProbeMetric,
  ProbeAlert,
  ProbeMetric,
} from "@fiberstream/schemas/generated/records";
import type { TopicName } from "@fiberstream/schemas/topics";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { keyOfPartition } from "@fiberstream/testkit/placed-topics";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { type ReadRecord, readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import pg from "pg";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const typeOf = (name: SchemaName) => avsc.Type.forSchema(readAvroSchema(name) as avsc.Schema);
const example = Object.fromEntries(
  readAvroSchema("ProbeMetric").fields.map(({ name, example: value }) => [name, value]),
);

let life: Life;
let namespace: string;
let database: TestDatabase;
let sql: pg.Client;
let producer: Producer;
let rawId: number;

beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  database = life.own(await createTestDatabase(), (owned) => owned.drop());
  await createTestTopics(namespace);
  sql = life.own(new pg.Client({ connectionString: database.url }), (owned) => owned.end());
  await sql.connect();
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  rawId = await registry.idOf(
    subjectOf(topicIn(namespace, "probe.metrics.raw")),
    readAvroSchema("ProbeMetric"),
  );
});
afterEach(() => life.stop());

const start = async (environment: Record<string, string> = {}): Promise<RunningService> =>
  life.own(
    await startService("stream-processor", {
      NAMESPACE: namespace,
      DATABASE_URL: database.url,
      KAFKA_SESSION_TIMEOUT_MS: "6000",
      ...environment,
    }),
    (owned) => owned.kill(),
  );

const rawRecord = (change: Partial<ProbeMetric> & { node_id: string }) => {
  const event = { ...example, event_id: randomUUID(), ...change };
  const avro = typeOf("ProbeMetric").toBuffer(event);
  const value = wireValue(rawId, avro);
  return { key: change.node_id, value, eventId: event.event_id };
};
const sendRaw = (records: readonly { key: string; value: Buffer }[]) =>
  producer.send(
    topicIn(namespace, "probe.metrics.raw"),
    records.map(({ key, value }) => ({ key, value })),
  );
const read = async (topic: TopicName): Promise<readonly ReadRecord[]> =>
  life.own(await readTopic(addresses.kafkaBrokers, topicIn(namespace, topic)), (owned) =>
    owned.close(),
  ).records;
const decoded = (name: SchemaName, record: ReadRecord | undefined): unknown =>
  typeOf(name).fromBuffer(record?.value?.subarray(WIRE_PREFIX_BYTES) ?? Buffer.alloc(0));
const enrichedOf = (record: ReadRecord | undefined) =>
  decoded("EnrichedProbeMetric", record) as EnrichedProbeMetric;

/**
 * Sends a closing event to each partition, and settles when all of them are in enriched: what was committed before them, a
 * duplicate too, is read by then.
 * @returns their ids
 */
async function closeEachPartition(enriched: readonly ReadRecord[]): Promise<string[]> {
  const nodes = Array.from({ length: 12 }, (_, partition) => keyOfPartition(partition, 12));
  const closing = nodes.map((node_id) => rawRecord({ node_id }));
  await sendRaw(closing);
  const isRead = (node: string) => enriched.some(({ key }) => String(key) === node);
  await until(() => nodes.every(isRead), {
    what: "the closing events are in enriched",
    timeoutMs: 40_000,
  });
  return closing.map(({ eventId }) => eventId);
}

/** A node whose partition is another one of 24 than of 12. */
function movingNode(): string {
  for (;;) {
    const node = randomUUID();
    if (partitionOfKey(Buffer.from(node), 24) >= 12) return node;
  }
}

/** As a topic has it that was made by another version, or not by the deploy step. */
const setTimestampType = (type: string) =>
  ensureTopics({
    kafka,
    topics: [
      {
        topic: topicIn(namespace, "probe.metrics.raw"),
        partitions: 12,
        config: { "message.timestamp.type": type },
      },
    ],
  });

describe("stream processor", () => {
  it("registers an unknown node, enriches its events, and publishes the node", async () => {
    await start();
    const node_id = randomUUID();
    const enriched = await read("probe.metrics.enriched");
    const nodes = await read("probe.nodes");
    await sendRaw([rawRecord({ node_id }), rawRecord({ node_id })]);

    await until(() => enriched.length === 2, { what: "both enriched records came" });
    expect(enrichedOf(enriched[0])).toMatchObject({
      node_id,
      enrichment_status: "complete",
      node_name: `probe-${node_id.slice(0, 8)}`,
      node_status: "registered",
      node_country: "GH",
    });
    await until(() => nodes.length === 1, { what: "the node was published" });
    expect(String(nodes[0]?.key)).toBe(node_id);
    expect(decoded("Node", nodes[0])).toMatchObject({ node_id, status: "registered" });
    await until(
      async () =>
        (await sql.query("SELECT 1 FROM nodes WHERE published_revision = revision")).rowCount === 1,
      { what: "its mark was cleared" },
    );
  });

  it("applies a change of a node within seconds in every processor, and publishes it", async () => {
    await Promise.all([start(), start()]);
    const nodeIds = Array.from({ length: 12 }, () => randomUUID());
    const enriched = await read("probe.metrics.enriched");
    const nodes = await read("probe.nodes");
    const send = () => sendRaw(nodeIds.map((node_id) => rawRecord({ node_id })));
    await send();
    await until(() => enriched.length === nodeIds.length && nodes.length === nodeIds.length, {
      what: "the nodes are known and cached",
    });
    await sql.query("UPDATE nodes SET display_name = 'Accra airport'");
    await until(
      async () => {
        await send();
        const named = enriched
          .map(enrichedOf)
          .filter(({ node_name }) => node_name === "Accra airport");
        return new Set(named.map(({ node_id }) => node_id)).size === nodeIds.length;
      },
      // Under 2 s on a machine that is not busy; what is cached would stay for minutes.
      { what: "events of all were enriched with the new name", timeoutMs: 10_000 },
    );
    await until(() => nodes.length === 2 * nodeIds.length, { what: "the changes were published" });
  });

  it("dead-letters an undecodable record unchanged, with its origin and the reason, and continues", async () => {
    await start();
    const enriched = await read("probe.metrics.enriched");
    const deadLetters = await read("probe.metrics.dead-letter");
    const node_id = randomUUID();
    const rubbish = Buffer.from([0xff, 0xfe, 0x00, 0x01]);
    await sendRaw([{ key: node_id, value: rubbish }, rawRecord({ node_id })]);
    await until(() => enriched.length === 1 && deadLetters.length === 1, {
      what: "one was enriched, one dead-lettered",
    });
    expect(deadLetters[0]?.value?.equals(rubbish)).toBe(true);
    expect(String(deadLetters[0]?.key)).toBe(node_id);
    expect(deadLetters[0]?.headers).toMatchObject({
      "__connect.errors.topic": topicIn(namespace, "probe.metrics.raw"),
      "__connect.errors.offset": "0",
      "fiber.dlq.failure-class": "not-avro",
    });
  });

  it("dead-letters an event whose enriched record Kafka rejects permanently, and writes its neighbours", async () => {
    const topic = topicIn(namespace, "probe.metrics.enriched");
    const config = { "max.message.bytes": "2000" };
    await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config }] });
    const enriched = await read("probe.metrics.enriched");
    const deadLetters = await read("probe.metrics.dead-letter");
    const node_id = randomUUID();
    const large = rawRecord({ node_id, metadata: JSON.stringify({ note: "x".repeat(3_000) }) });
    const events = [rawRecord({ node_id }), large, rawRecord({ node_id }), rawRecord({ node_id })];
    await sendRaw(events);
    await start();
    await until(() => enriched.length === 3 && deadLetters.length === 1, {
      what: "three were enriched, one dead-lettered",
    });
    const small = events.filter((event) => event !== large);
    expect(enriched.map((record) => enrichedOf(record).event_id)).toEqual(
      small.map(({ eventId }) => eventId),
    );
    expect(deadLetters[0]?.value).toEqual(large.value);
    expect(String(deadLetters[0]?.headers?.["fiber.dlq.failure-class"])).toBe("record-refused");
  });

  it("dead-letters records with a timestamp that Kafka rejects, and records that are too large for a complete dead letter", async () => {
    const limited = { "message.timestamp.after.max.ms": "3600000", "max.message.bytes": "3000" };
    const any = {
      "message.timestamp.type": "CreateTime",
      "message.timestamp.after.max.ms": "9223372036854775807",
    };
    const configs = {
      "probe.metrics.raw": any,
      "probe.metrics.enriched": limited,
      "probe.metrics.dead-letter": limited,
    };
    const topics = Object.entries(configs).map(([name, config]) => ({
      topic: topicIn(namespace, name as TopicName),
      partitions: 1,
      config,
    }));
    await ensureTopics({ kafka, topics });
    const enriched = await read("probe.metrics.enriched");
    const deadLetters = await read("probe.metrics.dead-letter");
    const node_id = randomUUID();
    const large = rawRecord({ node_id, metadata: JSON.stringify({ note: "x".repeat(9_000) }) });
    const ahead = rawRecord({ node_id });
    const good = [rawRecord({ node_id }), rawRecord({ node_id })];
    const timestamp = String(Date.now() + 2 * 86_400_000);
    await producer.send(topicIn(namespace, "probe.metrics.raw"), [
      { key: node_id, value: good[0]?.value ?? null },
      { key: node_id, value: ahead.value, timestamp },
      { key: node_id, value: large.value },
      { key: node_id, value: good[1]?.value ?? null },
    ]);
    await start();
    await until(() => enriched.length === 2 && deadLetters.length === 2, {
      what: "two were enriched, two dead-lettered",
    });
    expect(enriched.map((record) => enrichedOf(record).event_id)).toEqual(
      good.map(({ eventId }) => eventId),
    );
    const letterOf = (offset: string) =>
      deadLetters.find(({ headers }) => String(headers?.["__connect.errors.offset"]) === offset);
    expect(letterOf("1")?.value).toEqual(ahead.value);
    expect(letterOf("1")?.headers).toMatchObject({
      "fiber.dlq.failure-class": "record-refused",
      "fiber.dlq.record-timestamp": timestamp,
    });
    expect(letterOf("2")?.headers).toMatchObject({
      "fiber.dlq.failure-class": "record-refused",
      "fiber.dlq.value-bytes": String(large.value.length),
    });
    const kept = letterOf("2")?.value ?? Buffer.alloc(0);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept).toEqual(large.value.subarray(0, kept.length));
  });

  it("drops duplicates, scores events, and opens and resolves an alert, also across a restart", async () => {
    const enriched = await read("probe.metrics.enriched");
    const alerts = await read("probe.alerts");
    const node_id = randomUUID();
    const measured = (latency_ms: number) => rawRecord({ node_id, latency_ms });
    const usual = Array.from({ length: 20 }, (_, index) => measured(40 + (index % 3)));
    const first = await start();
    await sendRaw([
      ...usual,
      ...usual.slice(-5),
      ...Array.from({ length: 5 }, () => measured(400)),
    ]);
    await until(() => alerts.length === 1 && enriched.length >= 25, {
      what: "an alert opened, and all but the repeats came",
    });
    expect(enriched).toHaveLength(25);
    expect(enrichedOf(enriched[20])).toMatchObject({ anomaly_reason: "latency" });
    expect(enrichedOf(enriched[19])).toMatchObject({ quality: "good", anomaly_reason: null });
    expect(await first.stop()).toBe(0);

    await start();
    await sendRaw([...usual.slice(-5), measured(400), ...usual.slice(0, 2), measured(41)]);
    await sendRaw(Array.from({ length: 5 }, () => measured(41)));
    await until(() => alerts.length === 2, { what: "the alert resolved" });
    await until(() => enriched.length === 32, {
      what: "the repeats of before the restart are dropped",
    });
    const [opened, resolved] = alerts.map((record) => decoded("ProbeAlert", record) as ProbeAlert);
    expect(opened).toMatchObject({ node_id, kind: "latency", state: "opened", value: 400 });
    expect(resolved).toMatchObject({ state: "resolved", alert_id: opened?.alert_id });
    expect(enrichedOf(enriched[25]).latency_mean_ms).toBeGreaterThan(45);
  });

  it("resolves an alert whose node moved to an added partition, also after another restart", async () => {
    const alerts = await read("probe.alerts");
    const [resolvesAtOnce, resolvesLater] = [movingNode(), movingNode()];
    const measured = (node_id: string, packet_loss: number) =>
      Array.from({ length: 5 }, () => rawRecord({ node_id, packet_loss }));
    const first = await start();
    await sendRaw([...measured(resolvesAtOnce, 100), ...measured(resolvesLater, 100)]);
    await until(() => alerts.length === 2, { what: "both alerts opened" });
    expect(await first.stop()).toBe(0);

    for (const topic of ["probe.metrics.raw", "probe.metrics.enriched", "probe.alerts"] as const) {
      await ensureTopics({
        kafka,
        topics: [{ topic: topicIn(namespace, topic), partitions: 24, config: {} }],
      });
    }
    const ofAll = await read("probe.alerts");
    producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const statesOf = (node: string) =>
      ofAll
        .map((record) => decoded("ProbeAlert", record) as ProbeAlert)
        .filter(({ node_id }) => node_id === node)
        .map(({ state, alert_id }) => [state, alert_id]);
    const idOf = (node: string) => statesOf(node)[0]?.[1];
    const second = await start();
    // The alert that is still open is written to the new partition with the first events that come there.
    await sendRaw([...measured(resolvesAtOnce, 0), ...measured(resolvesLater, 100)]);
    await until(
      () => statesOf(resolvesAtOnce).length === 3 && statesOf(resolvesLater).length === 2,
      {
        what: "one is resolved, and the other one is in its new partition",
      },
    );
    expect(await second.stop()).toBe(0);

    await start();
    await sendRaw(measured(resolvesLater, 0));
    await until(() => statesOf(resolvesLater).length === 3, { what: "the other one is resolved" });
    for (const node of [resolvesAtOnce, resolvesLater]) {
      // Of two partitions, so their order is not known.
      const resolved = statesOf(node).filter(([state]) => state === "resolved");
      expect(resolved).toHaveLength(1);
      expect(new Set(statesOf(node).map(([, id]) => id))).toEqual(new Set([idOf(node)]));
    }
  });

  it.each(["LogAppendTime", "CreateTime"])(
    "drops duplicates and scores events after a record with a future timestamp, also across a restart: %s",
    async (timestampType) => {
      await setTimestampType(timestampType);
      const enriched = await read("probe.metrics.enriched");
      const node_id = randomUUID();
      const measured = (latency_ms: number) => rawRecord({ node_id, latency_ms });
      const usual = Array.from({ length: 20 }, (_, index) => measured(40 + (index % 3)));
      const first = await start();
      const { key, value } = measured(41);
      const timestamp = String(Date.now() + 50 * 60_000);
      await producer.send(topicIn(namespace, "probe.metrics.raw"), [{ key, value, timestamp }]);
      await sendRaw([...usual, ...usual.slice(-5), measured(400)]);
      await until(() => enriched.length >= 22, { what: "all but the repeats came" });
      expect(enriched).toHaveLength(22);
      expect(enrichedOf(enriched[21])).toMatchObject({ anomaly_reason: "latency" });
      expect(await first.stop()).toBe(0);

      await start();
      const last = measured(41);
      await sendRaw([...usual.slice(-5), last]);
      await until(() => enriched.length >= 23, { what: "what follows the repeats came" });
      expect(enrichedOf(enriched[22])).toMatchObject({ event_id: last.eventId });
    },
  );

  it("stops a partition of undecodable records, continues with the others, and resumes it after a reset", async () => {
    const processor = await start({ BREAKER_RUN: "20", BREAKER_RETEST_MS: "3600000" });
    const enriched = await read("probe.metrics.enriched");
    const deadLetters = await read("probe.metrics.dead-letter");
    const breaker = async (path: string, method: "GET" | "POST"): Promise<unknown> =>
      (await fetch(`${processor.adminUrl}/breaker${path}`, { method })).json();
    const bad = Array.from({ length: 30 }, () => ({
      key: "rubbish",
      value: Buffer.from("rubbish"),
    }));
    await sendRaw(bad);
    await until(async () => ((await breaker("", "GET")) as { open: unknown[] }).open.length === 1, {
      what: "the breaker is open",
    });
    const healthy = Array.from({ length: 40 }, () => rawRecord({ node_id: randomUUID() }));
    await sendRaw(healthy);
    await until(() => enriched.length > 20, { what: "the others go on" });
    expect(deadLetters).toHaveLength(0);
    const metrics = await (await fetch(`${processor.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/pipeline_breaker_open\{stage="processor"\} 1/);
    expect(await breaker("/reset", "POST")).toMatchObject({ reset: [expect.any(Number)] });
    await until(() => deadLetters.length === 30 && enriched.length === 40, {
      what: "the partition resumed, its bad records dead-lettered",
    });
    expect(await breaker("", "GET")).toEqual({ open: [] });
    const recorded = await until(
      async () => {
        const { rows } = await sql.query<{ kind: string; reason: string }>(
          "SELECT kind, reason FROM breaker_changes ORDER BY changed_at, change_id",
        );
        return rows.length === 2 ? rows : undefined;
      },
      { what: "that it opened and closed is recorded" },
    );
    expect(recorded).toEqual([
      { kind: "breaker.opened", reason: "20 consecutive bad records" },
      { kind: "breaker.closed", reason: "reset" },
    ]);
  });

  it("continues while Redis and PostgreSQL are unavailable, and marks the records", async () => {
    // Nobody listens on port 9, so Redis is unavailable from the start; the database goes away later.
    const processor = await start({ REDIS_URL: "redis://127.0.0.1:9" });
    const enriched = await read("probe.metrics.enriched");
    await sendRaw([rawRecord({ node_id: randomUUID() })]);
    await until(() => enriched.length === 1, { what: "the first was enriched without Redis" });
    expect(enrichedOf(enriched[0])).toMatchObject({
      enrichment_status: "complete",
    });
    const name = new URL(database.url).pathname.slice(1);
    const admin = life.own(new pg.Client({ connectionString: addresses.databaseUrl }), (owned) =>
      owned.end(),
    );
    await admin.connect();
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'stream-processor'",
      [name],
    );
    await sendRaw([rawRecord({ node_id: randomUUID() })]);
    await until(() => enriched.length === 2, { what: "the second went on" });
    expect(enrichedOf(enriched[1])).toMatchObject({
      enrichment_status: "unavailable",
    });
    const metrics = await (await fetch(`${processor.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/node_lookup_total\{tier="postgres",outcome="unavailable"\} [1-9]/);
  });

  it("reads nodes from PostgreSQL while Redis is frozen, and stops cleanly", async () => {
    const redis = life.own(await startPrivateBackingService("redis"), (owned) => owned.remove());
    const processor = await start({ REDIS_URL: redis.address });
    const enriched = await read("probe.metrics.enriched");
    await sendRaw([rawRecord({ node_id: randomUUID() })]);
    await until(() => enriched.length === 1, { what: "the first was enriched" });
    await redis.freeze();
    await sendRaw(Array.from({ length: 20 }, () => rawRecord({ node_id: randomUUID() })));
    await until(() => enriched.length === 21, { what: "the others were, too" });
    expect(enriched.map((record) => enrichedOf(record).enrichment_status)).toEqual(
      Array.from({ length: 21 }, () => "complete"),
    );
    const metrics = await (await fetch(`${processor.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/node_lookup_total\{tier="redis",outcome="unavailable"\} [1-9]/);
    expect(await processor.stop()).toBe(0);
  });

  it("enriches each event once when a processor is frozen past its session: its open transaction is rejected", async () => {
    const enriched = await read("probe.metrics.enriched");
    const sent: string[] = [];
    const sendSome = async () => {
      const records = Array.from({ length: 500 }, () => rawRecord({ node_id: randomUUID() }));
      await sendRaw(records);
      sent.push(...records.map(({ eventId }) => eventId));
    };
    const [frozen] = await Promise.all([start(), start()]);
    await sendSome();
    await until(() => enriched.length > 0, { what: "the processors are at work" });
    await frozen.kill("SIGSTOP");
    await sendSome();
    await until(() => enriched.length === sent.length, {
      what: "the other one has done it all",
      timeoutMs: 40_000,
    });
    await frozen.kill("SIGCONT");
    await sendSome();
    await until(async () => (await fetch(`${frozen.adminUrl}/readyz`)).ok, {
      what: "the woken one is back",
    });
    sent.push(...(await closeEachPartition(enriched)));
    await until(() => enriched.length >= sent.length, { what: "every event came" });
    const ids = enriched.map((record) => enrichedOf(record).event_id);
    expect(ids.toSorted()).toEqual(sent.toSorted());
  });

  it("enriches each event once, in each node's order, when it is killed repeatedly", async () => {
    const enriched = await read("probe.metrics.enriched");
    const nodeIds = Array.from({ length: 20 }, () => randomUUID());
    const sent: string[] = [];
    const sendSome = async () => {
      const records = Array.from({ length: 500 }, (_, index) =>
        rawRecord({ node_id: nodeIds[index % nodeIds.length] ?? "" }),
      );
      await sendRaw(records);
      sent.push(...records.map(({ eventId }) => eventId));
    };
    for (let kills = 0; kills < 3; kills++) {
      const processor = await start();
      const before = enriched.length;
      await sendSome();
      await until(() => enriched.length > before, { what: "the processor is at work" });
      await processor.kill("SIGKILL");
      await sendSome();
    }
    await start();
    sent.push(...(await closeEachPartition(enriched)));
    await until(() => enriched.length >= sent.length, {
      what: "every event came",
      timeoutMs: 40_000,
    });
    const events = enriched.map(enrichedOf);
    const place = new Map(sent.map((eventId, index) => [eventId, index]));
    expect(events.map(({ event_id }) => event_id).toSorted()).toEqual(sent.toSorted());
    for (const nodeId of nodeIds) {
      const places = events
        .filter(({ node_id }) => node_id === nodeId)
        .map(({ event_id }) => place.get(event_id) ?? -1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
    }
  });
});
