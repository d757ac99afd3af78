import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { wireValue } from "@fiberstream/kafka/wire-format";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createTestTopics } from "@fiberstream/testkit/topics";
import avsc from "avsc";
import type { TopicAccess } from "../records/topic-access.ts";

type Fields = Readonly<Record<string, unknown>>;

type Kind = { readonly schemaId: number; readonly type: avsc.Type; readonly example: Fields };

export type SampleTopics = {
  readonly access: TopicAccess;
  readonly send: (topic: string, records: readonly OutgoingRecord[]) => Promise<void>;
  /** Returns a record of a topic of the catalogue: the schema's example with some fields changed. */
  readonly record: (
    name: TopicName,
    fields: Fields,
    about?: { timestampMs?: number; headers?: Record<string, string> },
  ) => Promise<OutgoingRecord>;
};

/** Creates the catalogue's topics in a namespace of this test. */
export async function openSampleTopics(life: Life): Promise<SampleTopics> {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const { schemaRegistryUrl } = addresses;
  const registry = createSchemaRegistry({ url: schemaRegistryUrl });
  const namespace = testNamespace();
  await createTestTopics(namespace);
  const kinds = new Map<TopicName, Promise<Kind>>();
  const kindOf = async (name: TopicName): Promise<Kind> => {
    const { value }: Topic = TOPICS[name];
    if (typeof value === "string") throw new Error(`${name} has no schema`);
    const schema = readAvroSchema(value.avro);
    return {
      schemaId: await registry.idOf(subjectOf(topicIn(namespace, name)), schema),
      type: avsc.Type.forSchema(schema as avsc.Schema),
      example: Object.fromEntries(schema.fields.map((field) => [field.name, field.example])),
    };
  };
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  return {
    access: { kafka, registry, schemaRegistryUrl, namespace },
    send: producer.send,
    record: async (name, fields, { timestampMs = Date.now(), headers } = {}) => {
      const kind = kinds.get(name) ?? kindOf(name);
      kinds.set(name, kind);
      const { schemaId, type, example } = await kind;
      const all: Fields = { ...example, event_id: randomUUID(), ...fields };
      const avro = type.toBuffer(all);
      const bytes = wireValue(schemaId, avro);
      return {
        key: String(all["node_id"]),
        value: bytes,
        timestamp: String(timestampMs),
        ...(headers && { headers }),
      };
    },
  };
}
