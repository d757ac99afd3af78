import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import {
  replayDeadLetters,
  type ReplayOptions,
  ReplayTakenOverError,
} from "@fiberstream/kafka/replay-dead-letters";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { countDeadLetters } from "./list.ts";
import { readDeadLetters } from "../../dead-letters/dead-letter-access.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const schema = readAvroSchema("ProbeMetric");
const type = avsc.Type.forSchema(schema as avsc.Schema);
const example = Object.fromEntries(schema.fields.map(({ name, example: value }) => [name, value]));

let life: Life;
let namespace: string;
beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  await createTestTopics(namespace);
});
afterEach(() => life.stop());

const optionsOf = (change: Partial<ReplayOptions> = {}): ReplayOptions => ({
  filter: {},
  dryRun: false,
  limit: undefined,
  rate: undefined,
  maxReplays: 3,
  fromStart: false,
  run: randomUUID(),
  onProgress: () => undefined,
  stopping: new AbortController().signal,
  ...change,
});

describe("fiber dlq", () => {
  it("replays exactly the failed records, after the cause was fixed", async () => {
    const database = life.own(await createTestDatabase(), (owned) => owned.drop());
    const start = async (settings: Record<string, string>) =>
      life.own(
        await startService("stream-processor", {
          NAMESPACE: namespace,
          DATABASE_URL: database.url,
          ...settings,
        }),
        (owned) => owned.kill(),
      );
    const raw = topicIn(namespace, "probe.metrics.raw");
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const schemaId = await registry.idOf(subjectOf(raw), schema);
    const record = (event_id: string, ageMs: number) => {
      const timestamp = Number(example["received_at"]) - ageMs * 1_000;
      const avro = type.toBuffer({ ...example, event_id, timestamp });
      const value = wireValue(schemaId, avro);
      return { key: String(example["node_id"]), value };
    };
    const old = Array.from({ length: 20 }, () => randomUUID());
    const fresh = Array.from({ length: 5 }, () => randomUUID());
    const enriched = life.own(
      await readTopic(addresses.kafkaBrokers, topicIn(namespace, "probe.metrics.enriched")),
      (owned) => owned.close(),
    ).records;
    const processor = await start({ TOO_OLD_AFTER_MS: "60000" });
    await producer.send(raw, [
      ...old.map((id) => record(id, 120_000)),
      { key: "x", value: Buffer.from("rubbish") },
      ...fresh.map((id) => record(id, 1_000)),
    ]);
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const count = () => countDeadLetters(readDeadLetters({ reader, topic }, {}));
    await until(async () => (await count()).length === 2, {
      what: "both kinds are dead letters",
    });
    expect(await count()).toMatchObject([
      { class: "too-old", topic: raw, schemaId, count: 20, replayed: 0 },
      { class: "not-avro", topic: raw, schemaId: null, count: 1 },
    ]);
    await processor.stop();

    await start({ TOO_OLD_AFTER_MS: "600000" });
    const access = { kafka, namespace, topic, reader, registry };
    const filter = { class: "too-old" };
    const dry = await replayDeadLetters(access, optionsOf({ filter, dryRun: true }));
    expect(dry).toEqual({ replayed: 20, quarantined: 0, doubles: 0, cut: 0, foreign: 0 });
    const some = await replayDeadLetters(access, optionsOf({ filter, limit: 7, rate: 100 }));
    expect(some.replayed).toBe(7);
    expect((await replayDeadLetters(access, optionsOf({ filter }))).replayed).toBe(13);
    expect((await replayDeadLetters(access, optionsOf({ filter }))).replayed).toBe(0);
    await until(() => enriched.length === 25, { what: "they were enriched" });
    const ids = enriched.map(({ value }) => value?.toString("latin1", 6, 42) ?? "");
    expect(ids.toSorted()).toEqual([...old, ...fresh].toSorted());
    expect((await count()).find((group) => group.class === "too-old")?.count).toBe(20);
  });

  it("skips dead letters that were replayed too often", async () => {
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const headers = {
      "__connect.errors.topic": topicIn(namespace, "probe.metrics.raw"),
      "__connect.errors.partition": "0",
      "__connect.errors.offset": "5",
      "fiber.dlq.replay-count": "3",
    };
    await producer.send(topic, [{ key: "k", value: Buffer.from("v"), headers }]);
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const access = { kafka, namespace, topic, reader, registry };
    expect(await replayDeadLetters(access, optionsOf())).toEqual({
      replayed: 0,
      quarantined: 1,
      doubles: 0,
      cut: 0,
      foreign: 0,
    });
    expect((await replayDeadLetters(access, optionsOf({ maxReplays: 4 }))).replayed).toBe(1);
  });

  it("takes over from a replay with the same filter, and sends nothing twice", async () => {
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const raw = topicIn(namespace, "probe.metrics.raw");
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const letter = (at: number, origin = raw) => ({
      key: "one node",
      value: Buffer.from(`letter ${at}`),
      headers: {
        "__connect.errors.topic": origin,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": String(at),
      },
    });
    const letters = Array.from({ length: 200 }, (_, at) => letter(at));
    await producer.send(topic, letters);
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const access = { kafka, namespace, topic, reader };
    const sent = () => valuesIn(reader, raw);

    const begun = Promise.withResolvers<void>();
    const slow = replayDeadLetters(
      access,
      optionsOf({ rate: 20, run: "slow", onProgress: () => begun.resolve() }),
    );
    // It is refused while the other one begins.
    const refused = expect(slow).rejects.toThrow(ReplayTakenOverError);
    await begun.promise;
    const rest = await replayDeadLetters(access, optionsOf({ run: "fast" }));
    await refused;
    expect(rest.replayed).toBeLessThan(200);
    expect(rest.replayed).toBeGreaterThan(0);
    expect((await sent()).toSorted()).toEqual(letters.map(({ value }) => String(value)).toSorted());

    // A sink that crashed has written one again; another one names a topic of somebody else.
    await producer.send(topic, [letter(199), letter(7, "somebody-elses")]);
    expect(await replayDeadLetters(access, optionsOf())).toMatchObject({
      replayed: 0,
      doubles: 1,
      foreign: 1,
    });
    expect(await sent()).toHaveLength(200);
  });

  it("resumes its counts under the name of its run, and begins again only once", async () => {
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const raw = topicIn(namespace, "probe.metrics.raw");
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const headers = {
      "__connect.errors.topic": raw,
      "__connect.errors.partition": "0",
      "__connect.errors.offset": "1",
    };
    const nodes = ["a", "b", "c", "d", "e", "f"];
    await producer.send(
      topic,
      nodes.map((key) => ({
        key,
        value: Buffer.from(key),
        headers: { ...headers, "__connect.errors.offset": key },
      })),
    );
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const access = { kafka, namespace, topic, reader };
    expect((await replayDeadLetters(access, optionsOf())).replayed).toBe(6);
    const again = { fromStart: true, run: "again" };
    const part = await replayDeadLetters(access, optionsOf({ ...again, limit: 4 }));
    expect(part.replayed).toBe(4);
    expect((await replayDeadLetters(access, optionsOf(again))).replayed).toBe(6);
    expect((await replayDeadLetters(access, optionsOf(again))).replayed).toBe(6);
    expect(await valuesIn(reader, raw)).toHaveLength(12);
  });
});

async function valuesIn(reader: TopicReader, topic: string): Promise<string[]> {
  const values: string[] = [];
  for (const range of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, range)) {
      values.push(...records.map(({ value }) => String(value)));
    }
  }
  return values;
}
