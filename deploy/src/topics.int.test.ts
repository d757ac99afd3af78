import { createKafka } from "@fiberstream/kafka/kafka";
import { readOffsetRetention } from "@fiberstream/kafka/offset-retention";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { expect, it } from "@jest/globals";
import { deployTopics } from "./topics.ts";

const deployed = async (namespace: string) => {
  const lines: string[] = [];
  await deployTopics({
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    log: createLog({ service: "test", level: "silent", format: "json" }),
    print: (line) => lines.push(line),
  });
  return lines;
};

it("reads how long each broker keeps offsets", async () => {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  expect(await readOffsetRetention(kafka)).toEqual([{ brokerId: 1, minutes: 43_200 }]);
});

it("creates topics and subjects under the namespace, and has nothing to do the second time", async () => {
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
