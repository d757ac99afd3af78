import { readFileSync } from "node:fs";
import type { RecordSchema } from "../avro-schema.ts";
import type { Topic } from "../topics.ts";
import type { CatalogueTopic } from "./catalogue.ts";
import { retentionText, sizeText } from "./topic-words.ts";

/** Renders the topics as an AsyncAPI 3 document, with Avro schemas and Kafka bindings. */
export function renderAsyncApi(topics: readonly CatalogueTopic[]): object {
  return {
    asyncapi: "3.1.0",
    info: {
      title: "FiberStream topics",
      version: PACKAGE.version,
      description:
        "Measurements of network probes, their nodes and alerts, as Kafka topics. Values are Avro in Confluent's wire format; read with isolation.level=read_committed.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
      tags: [{ name: "kafka" }, { name: "avro" }],
    },
    defaultContentType: AVRO_CONTENT,
    servers: {
      local: {
        host: "localhost:9092",
        protocol: "kafka",
        description: "The cluster that `npm start` starts.",
        bindings: {
          kafka: {
            schemaRegistryUrl: "http://localhost:8081/apis/ccompat/v7",
            schemaRegistryVendor: "apicurio",
            bindingVersion: KAFKA_BINDING,
          },
        },
      },
    },
    channels: Object.fromEntries(topics.map((topic) => [idOf(topic), channelOf(topic)])),
    operations: Object.fromEntries(topics.map((topic) => [`write.${idOf(topic)}`, writeOf(topic)])),
    components: {
      messages: Object.fromEntries(topics.map((topic) => [messageName(topic), messageOf(topic)])),
      schemas: Object.fromEntries(
        topics.flatMap(({ record }) => (record ? [[record.name, avroSchema(record.schema)]] : [])),
      ),
    },
  };
}

const PACKAGE = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const AVRO_CONTENT = "application/vnd.apache.avro+binary";
const KAFKA_BINDING = "0.5.0";

/** Without dots, which some tools cannot handle in references. */
const idOf = ({ name }: CatalogueTopic): string => name.replaceAll(/[.-]/g, "_");

const messageName = ({ topic, record }: CatalogueTopic): string =>
  record?.name ?? (typeof topic.value === "string" ? WITHOUT_SCHEMA[topic.value].name : "");

/** Messages of topics without an Avro schema. */
const WITHOUT_SCHEMA = {
  JSON: {
    name: "LedgerEntry",
    title: "What the processor did with a range of offsets",
    contentType: "application/json",
    payload: { type: "object" },
  },
  "signed note": {
    name: "Checkpoint",
    title: "What the audit trail was at a time, signed",
    contentType: "text/plain",
    payload: { type: "string", description: "A signed note (C2SP) with a checkpoint." },
  },
  "original bytes": {
    name: "DeadLetter",
    title: "A record that could not be processed",
    contentType: "application/octet-stream",
    payload: { type: "string", format: "binary", description: "The original bytes, unchanged." },
  },
} as const;

function channelOf(entry: CatalogueTopic): object {
  const { name, topic } = entry;
  const { meaning, ordering, delivery, volume, partitions, cleanup, retentionMs } = topic;
  const size = sizeText(entry);
  return {
    address: name,
    title: name,
    summary: meaning,
    description: [
      `Order: ${ordering}`,
      `Delivery: ${delivery}`,
      `Volume: ${volume}`,
      ...(size === undefined ? [] : [size]),
      `Retention: ${retentionText(topic)}.`,
    ].join("\n\n"),
    messages: {
      [messageName(entry)]: { $ref: `#/components/messages/${messageName(entry)}` },
    },
    bindings: {
      kafka: {
        topic: name,
        partitions,
        topicConfiguration: {
          "cleanup.policy": [cleanup],
          ...(retentionMs !== undefined && { "retention.ms": retentionMs }),
        },
        bindingVersion: KAFKA_BINDING,
      },
    },
  };
}

const writeOf = (entry: CatalogueTopic): object => ({
  action: "send",
  channel: { $ref: `#/channels/${idOf(entry)}` },
  title: `Written and owned by ${entry.topic.owner}`,
  summary: `For ${entry.topic.reliedOnBy.join(", ")}.`,
});

function messageOf({ topic, record }: CatalogueTopic): object {
  const { headers, key } = topic;
  const binding = {
    key: {
      type: "string",
      description: key === "original" ? "The key that the record had." : `The value's ${key}.`,
    },
    bindingVersion: KAFKA_BINDING,
  };
  const headerSchema = headersSchema(headers);
  if (typeof topic.value === "string") {
    const { name, title, contentType, payload } = WITHOUT_SCHEMA[topic.value];
    return {
      name,
      title,
      summary: topic.meaning,
      contentType,
      ...headerSchema,
      payload,
      bindings: { kafka: binding },
    };
  }
  if (record === undefined) throw new Error(`the record of ${topic.value.avro} is missing`);
  return {
    name: record.name,
    title: `${record.name}, version ${record.history[0]?.version}`,
    summary: record.doc,
    contentType: AVRO_CONTENT,
    ...headerSchema,
    payload: { $ref: `#/components/schemas/${record.name}` },
    examples: record.samples.map(({ name, value }) => ({ name, payload: value })),
    bindings: {
      kafka: {
        ...binding,
        schemaIdLocation: "payload",
        schemaIdPayloadEncoding: "confluent",
        schemaLookupStrategy: "TopicNameStrategy",
      },
    },
  };
}

function headersSchema(headers: Topic["headers"]): object {
  const properties: Record<string, object> = {};
  for (const [name, description] of Object.entries(headers)) {
    properties[name] = { type: "string", description };
  }
  if (Object.keys(properties).length === 0) return {};
  return { headers: { type: "object", properties } };
}

const avroSchema = (schema: RecordSchema): object => ({
  schemaFormat: "application/vnd.apache.avro;version=1.9.0",
  schema,
});
