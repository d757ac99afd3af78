import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createPathLag, createPathPositions } from "./path-progress.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const namespace = testNamespace();
const raw = topicIn(namespace, "probe.metrics.raw");
const enriched = topicIn(namespace, "probe.metrics.enriched");

let life: Life;
let send: (topic: string) => Promise<void>;
beforeAll(async () => {
  life = createLife();
  await createTestTopics(namespace);
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  send = (topic) => producer.send(topic, [{ key: "n", value: Buffer.from("x") }]);
});
afterAll(() => life.stop());

describe("the positions of the pipeline", () => {
  it("are read for all partitions: Kafka's, the processor's and the sink's offsets", async () => {
    let stored = new Map<number, bigint>();
    const positions = life.own(
      createPathPositions({ kafka, namespace, readOffsets: async () => stored }),
      (owned) => owned.close(),
    );
    await until(async () => (await positions.processed()).size === 0, {
      what: "the group's coordinator answers",
    });
    const pathLag = createPathLag({ positions });
    expect(await pathLag()).toBeLessThan(60_000);

    await send(raw);
    const [{ partition } = { partition: -1 }] = await positions.raw();
    expect(await positions.raw()).toEqual([{ partition, from: 0n, until: 1n }]);
    expect(await positions.processed()).toEqual(new Map());
    const newPathLag = createPathLag({ positions });
    expect(await newPathLag()).toBeUndefined();

    const admin = life.own(kafka.admin(), (owned) => owned.disconnect());
    await admin.connect();
    await admin.setOffsets({
      groupId: `${namespace}stream-processor`,
      topic: raw,
      partitions: [{ partition, offset: "1" }],
    });
    expect(await positions.processed()).toEqual(new Map([[partition, 1n]]));
    await send(enriched);
    expect(await newPathLag()).toBeUndefined();
    stored = new Map([[partition, 1n]]);
    expect(await newPathLag()).toBeLessThan(60_000);
  });
});
