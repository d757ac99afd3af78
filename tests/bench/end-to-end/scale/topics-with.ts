import { createKafka } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { type Topic, TOPICS } from "@fiberstream/schemas/topics";
import type { BenchBackingServices } from "../../harness/backing-services.ts";

/** Creates the catalogue's topics and schemas with another number of partitions. */
export async function createTopicsWith(
  backingServices: BenchBackingServices,
  partitions: number,
): Promise<void> {
  const log = createLog({ service: "bench", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [backingServices.kafkaBrokers], clientId: "bench", log });
  const topics = Object.entries<Topic>(TOPICS);
  await ensureTopics({
    kafka,
    topics: topics.map(([topic, { cleanup, partitions: usual }]) => ({
      topic,
      // Those with one partition have their records in one order.
      partitions: usual === 1 ? 1 : partitions,
      config: { "cleanup.policy": cleanup },
    })),
  });
  const registry = createSchemaRegistry({ url: backingServices.schemaRegistryUrl });
  for (const [topic, { value }] of topics) {
    if (typeof value === "string") continue;
    await registry.register(subjectOf(topic), readAvroSchema(value.avro));
  }
}
