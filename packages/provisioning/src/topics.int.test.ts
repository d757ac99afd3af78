import { createKafka } from "@fiberstream/kafka/kafka";
import { readOffsetRetention } from "@fiberstream/kafka/offset-retention";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { topicDescription } from "@fiberstream/kafka/describe-topic";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { FatalError } from "@fiberstream/runtime/errors";
import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import { describe, expect, it } from "@jest/globals";
import { deployTopics } from "./topics.ts";

const deployed = async (
  namespace: string,
  options: { setsRetention?: boolean; beginsAgain?: boolean } = {},
) => {
  const lines: string[] = [];
  await deployTopics({
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    ...options,
    log: createLog({ service: "test", level: "silent", format: "json" }),
    print: (line) => lines.push(line),
  });
  return lines;
};

it("reads the offset retention of each broker", async () => {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  expect(await readOffsetRetention(kafka)).toEqual([{ brokerId: 1, minutes: 43_200 }]);
});

it("creates topics and subjects in the namespace, and does nothing the second time", async () => {
  const namespace = testNamespace();
  const lines = await deployed(namespace);
  expect(lines).toContain(
    `topic ${namespace}probe.metrics.raw: created with 12 partitions and 1 replica`,
  );
  expect(lines).toContainEqual(
    expect.stringMatching(
      new RegExp(`^subject ${namespace}probe.nodes-value: Node registered with id \\d+$`),
    ),
  );
  expect(lines.filter((line) => line.includes("dead-letter-value"))).toEqual([]);

  const subject = `${namespace}probe.metrics.raw-value`;
  const level = await fetch(`${addresses.schemaRegistryUrl}/config/${subject}`);
  expect(await level.json()).toEqual({ compatibilityLevel: "FULL_TRANSITIVE" });

  expect(await deployed(namespace)).toEqual(["topics and schemas are up to date"]);
});

describe("a registry with schemas of before", () => {
  const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
  const current = readAvroSchema("ProbeMetric");
  /** Every event had a latency. */
  const before: RecordSchema = {
    ...current,
    fields: current.fields.map((field) =>
      field.name === "latency_ms"
        ? { name: "latency_ms", type: "double", doc: "Latency.", unit: "ms", example: 1 }
        : field,
    ),
  };

  it("is left as it is, and the way is told", async () => {
    const namespace = testNamespace();
    const subject = `${namespace}probe.metrics.raw-value`;
    await registry.register(subject, before);
    const refused = deployed(namespace);
    await expect(refused).rejects.toThrow(FatalError);
    await expect(refused).rejects.toThrow(
      `the schemas have begun again with version 1, because an event may have no latency now, and the registry has the earlier ${subject} (version 1). To delete`,
    );
    await expect(refused).rejects.toThrow(/npm run reset.*TOPICS_BEGIN_AGAIN=true/);
  });

  it("begins again if the setting says so, and records of before can still be read", async () => {
    const namespace = testNamespace();
    const subject = `${namespace}probe.metrics.raw-value`;
    const { id } = await registry.register(subject, before);
    expect(await deployed(namespace, { beginsAgain: true })).toContain(
      `subject ${subject} (version 1): deleted, their ids can still be read`,
    );
    expect(await registry.idOf(subject, current)).not.toBe(id);
    expect((await registry.writerType(id)).kind).toBe("ok");
    expect(await deployed(namespace, { beginsAgain: true })).toEqual([
      "topics and schemas are up to date",
    ]);
    // The rule for later versions is as before.
    const level = await fetch(`${addresses.schemaRegistryUrl}/config/${subject}`);
    expect(await level.json()).toEqual({ compatibilityLevel: "FULL_TRANSITIVE" });
  });

  it("is not touched where it has a version of now beside another one", async () => {
    const namespace = testNamespace();
    const subject = `${namespace}probe.metrics.raw-value`;
    await registry.register(subject, current);
    const level = JSON.stringify({ compatibility: "NONE" });
    const headers = { "content-type": "application/json" };
    const url = `${addresses.schemaRegistryUrl}/config/${subject}`;
    expect((await fetch(url, { method: "PUT", headers, body: level })).status).toBe(200);
    const json = JSON.stringify({ schema: JSON.stringify(before) });
    const versions = `${addresses.schemaRegistryUrl}/subjects/${subject}/versions`;
    expect((await fetch(versions, { method: "POST", headers, body: json })).status).toBe(200);
    expect(await deployed(namespace, { beginsAgain: true })).not.toContainEqual(
      expect.stringContaining("deleted"),
    );
  });
});

it("keeps a retention that an operator has set and reports it, and changes it if the setting says so", async () => {
  const namespace = testNamespace();
  await deployed(namespace);
  const topic = `${namespace}probe.metrics.raw`;
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const retentionMs = async () =>
    (await topicDescription({ kafka, topic })).config.get("retention.ms");
  for (const value of ["1209600000", "3600000"]) {
    await ensureTopics({
      kafka,
      topics: [{ topic, partitions: 12, config: { "retention.ms": value } }],
    });
    const lines = await deployed(namespace);
    expect(lines).toContain(
      `topic ${topic}: retention.ms stays ${value}, the catalogue has 604800000 (to change it: TOPICS_SET_RETENTION=true)`,
    );
    expect(await retentionMs()).toBe(value);
  }
  expect(await deployed(namespace, { setsRetention: true })).toContain(
    `topic ${topic}: retention.ms 3600000 -> 604800000`,
  );
  expect(await retentionMs()).toBe("604800000");
});
