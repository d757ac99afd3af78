import { createKafka } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { createTransactionalProducer } from "@fiberstream/kafka/transactions/transactional-producer";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import avsc from "avsc";
import type { Cluster } from "../cluster.ts";

export type TestTopic = {
  readonly cluster: Cluster;
  /** Writes records of the nodes "0", "1", … in one committed transaction. */
  readonly write: (records: { from: number; count: number; partition?: number }) => Promise<void>;
  readonly writeBytes: (value: Buffer) => Promise<void>;
};

/** Returns a time after everything that has been written so far, and before everything that will be written. */
export async function momentBetween(): Promise<Date> {
  const before = Date.now();
  await until(() => Date.now() > before, { what: "a millisecond has passed" });
  const moment = new Date();
  await until(() => Date.now() > moment.getTime(), { what: "another one has passed" });
  return moment;
}

/** Creates a topic `probe.metrics.enriched` with two partitions for one test. */
export async function createTestTopic(): Promise<TestTopic> {
  const namespace = testNamespace();
  const cluster: Cluster = {
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
  };
  const topic = `${namespace}probe.metrics.enriched`;
  const schema = readAvroSchema("EnrichedProbeMetric");
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const example = Object.fromEntries(schema.fields.map((field) => [field.name, field.example]));
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

  const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
  const [{ id: schemaId }] = await Promise.all([
    registry.register(subjectOf(topic), schema),
    ensureTopics({ kafka, topics: [{ topic, partitions: 2, config: {} }] }),
  ]);

  const encode = (node: string): Buffer => {
    return wireValue(schemaId, type.toBuffer({ ...example, node_id: node }));
  };
  const send = async (partition: number, records: { key: string; value: Buffer }[]) => {
    const producer = createTransactionalProducer({ kafka, transactionalId: topic });
    await producer.transaction((scope) => scope.send([{ topic, partition, records }]));
    await producer.close();
  };
  return {
    cluster,
    write: ({ from, count, partition = 0 }) =>
      send(
        partition,
        Array.from({ length: count }, (_, index) => String(from + index)).map((node) => ({
          key: node,
          value: encode(node),
        })),
      ),
    writeBytes: (value) => send(0, [{ key: "bytes", value }]),
  };
}
