import { createKafka } from "@fiberstream/kafka/kafka";
import { readOffsetRetention } from "@fiberstream/kafka/offset-retention";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { topicDescription } from "@fiberstream/kafka/describe-topic";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { expect, it } from "@jest/globals";
import { deployTopics } from "./topics.ts";

const deployed = async (namespace: string, setsRetention = false) => {
  const lines: string[] = [];
  await deployTopics({
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    setsRetention,
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
  expect(await deployed(namespace, true)).toContain(
    `topic ${topic}: retention.ms 3600000 -> 604800000`,
  );
  expect(await retentionMs()).toBe("604800000");
});
