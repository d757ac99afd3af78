import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { readTopic, type ReadRecord } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf, pushAccepted } from "./platform/send.ts";

let platform: Platform;
let producer: Producer;
let deadLetters: Awaited<ReturnType<typeof readTopic>>;
beforeAll(async () => {
  platform = await startPlatform();
  const log = createLog({ service: "tests", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "tests", log });
  producer = await connectProducer({ kafka });
  deadLetters = await readTopic(
    addresses.kafkaBrokers,
    topicIn(platform.namespace, "probe.metrics.dead-letter"),
  );
});
afterAll(async () => {
  await deadLetters.close();
  await producer.close();
  await platform.stop();
});

const rawTopic = () => topicIn(platform.namespace, "probe.metrics.raw");

describe("a record on the raw topic that is not an event", () => {
  it("goes to the dead-letter topic unchanged, and its partition continues", async () => {
    const key = randomUUID();
    const schemaId = await rawSchemaId();
    const values = {
      text: Buffer.from("not Avro at all"),
      "of an unknown schema": withPrefix(2_000_000_000, "whatever"),
      "cut off": withPrefix(schemaId, "\u0010x"),
      empty: Buffer.alloc(0),
    };
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await producer.send(
      rawTopic(),
      Object.values(values).map((value) => ({ key, value, headers })),
    );
    // The same key, so that it comes after them in the same partition.
    await pushAccepted(platform.gatewayUrl, eventOf(key));

    await until(
      async () =>
        (await platform.query("SELECT FROM metrics WHERE node_id = $1", [key])).length === 1,
      { what: "the event after them is a row" },
    );
    await until(() => deadLetters.records.length >= 4, { what: "four dead letters" });

    expect(deadLetters.records.map(({ value }) => value)).toEqual(Object.values(values));
    for (const [at, record] of deadLetters.records.entries()) {
      expect(String(record.key)).toBe(key);
      expect(record.headers).toMatchObject({ ...headers, ...originOf(record, at) });
    }
    expect(deadLetters.records[1]?.headers["fiber.dlq.schema-id"]).toBe("2000000000");
    expect(await platform.query("SELECT node_id FROM metrics")).toEqual([{ node_id: key }]);
  });
});

/** Returns the headers with the origin of a dead letter; records with one key have the same partition in both topics. */
const originOf = ({ headers, partition }: ReadRecord, offset: number) => ({
  "__connect.errors.topic": rawTopic(),
  "__connect.errors.partition": String(partition),
  "__connect.errors.offset": String(offset),
  "__connect.errors.stage": "decode",
  "__connect.errors.exception.message": expect.stringMatching(/./),
  "__dlq.errors.group": `${platform.namespace}stream-processor`,
  "__dlq.errors.delivery.count": "1",
  "fiber.dlq.replay-count": "0",
  "fiber.dlq.failure-class": expect.stringMatching(/./),
  "fiber.dlq.failed-at": new Date(headers["fiber.dlq.failed-at"] ?? "").toISOString(),
});

/** Returns a value in Confluent's wire format: a zero, the schema id, and a text instead of Avro. */
function withPrefix(schemaId: number, text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(schemaId, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

async function rawSchemaId(): Promise<number> {
  const subject = encodeURIComponent(subjectOf(rawTopic()));
  const answer = await fetch(`${addresses.schemaRegistryUrl}/subjects/${subject}/versions/latest`);
  return ((await answer.json()) as { id: number }).id;
}
