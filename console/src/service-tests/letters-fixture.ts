import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { wireValue } from "@fiberstream/kafka/wire-format";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import type { FailureClass } from "@fiberstream/runtime/outcome";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestTopics } from "@fiberstream/testkit/topics";
import avsc from "avsc";

const log = createLog({ service: "test", level: "silent", format: "json" });
export const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });

export type LetterOf = {
  readonly node: string;
  readonly tenant?: string;
  readonly reason?: FailureClass;
  readonly stage?: string;
  readonly failedAt: Date;
  /** Bytes instead of an event. */
  readonly value?: Buffer;
  readonly offset: number;
  /** Default: 0. */
  readonly partition?: number;
  readonly headers?: Record<string, string>;
};

/** Creates the topics of a namespace, and returns what writes and reads them. */
export async function createLetterTopics(life: Life, namespace: string) {
  await createTestTopics(namespace);
  const schema = readAvroSchema("ProbeMetric");
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const schemaId = await registry.idOf(subjectOf(topicIn(namespace, "probe.metrics.raw")), schema);
  const example = Object.fromEntries(
    schema.fields.map(({ name, example: value }) => [name, value ?? null]),
  );
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
  const topic = topicIn(namespace, "probe.metrics.dead-letter");
  const raw = topicIn(namespace, "probe.metrics.raw");

  const eventOf = (fields: object) => wireValue(schemaId, type.toBuffer({ ...example, ...fields }));
  const letterOf = ({ node, tenant = "default", failedAt, offset, ...rest }: LetterOf) => {
    const { reason = "too-old", stage = "decode", partition = 0 } = rest;
    const record: IncomingRecord = {
      offset: String(offset),
      key: Buffer.from(node),
      value: rest.value ?? eventOf({ node_id: node, tenant }),
      timestamp: String(failedAt.getTime()),
      headers: rest.headers ?? {},
    };
    const origin = {
      topic: raw,
      partition,
      groupId: "stream-processor",
      service: "stream-processor",
      stage,
    };
    return deadLetterOf(record, origin, { failureClass: reason, message: reason }, failedAt);
  };
  return {
    topic,
    raw,
    eventOf,
    send: (letters: readonly LetterOf[]) => producer.send(topic, letters.map(letterOf)),
    sendTo: producer.send,
    /** The values of all records of a topic, as text. */
    valuesIn: async (of: string) => {
      const values: string[] = [];
      for (const range of await reader.ranges(of)) {
        for await (const records of reader.read(of, range)) {
          values.push(
            ...records.map(({ key, value }) => `${String(key)} ${value?.toString("hex")}`),
          );
        }
      }
      return values;
    },
  };
}
