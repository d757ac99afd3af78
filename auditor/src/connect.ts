import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createPool, query } from "@fiberstream/postgres/pool";
import { addressOf } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import type { auditorSettings } from "./settings.ts";

/** One has the lock and reads the trail; the other records the version. */
const MAX_CONNECTIONS = 2;

/**
 * Connects to PostgreSQL, the schema registry and Kafka, and waits for each; `life` owns all of them.
 * @throws {FatalError} for settings that contradict each other
 */
export async function connect(frame: ServiceFrame<typeof auditorSettings>) {
  const { config, log, life, health, waitFor } = frame;
  const access = { kafka: kafkaAccess(config), registry: registryAccess(config) };
  const topics = {
    entries: topicIn(config.namespace, "audit.entries"),
    checkpoints: topicIn(config.namespace, "audit.checkpoints"),
  };
  const schema = readAvroSchema("AuditEntry");

  const pool = life.own(
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "fiberstream-auditor",
      maxConnections: MAX_CONNECTIONS,
      log,
    }),
    (owned) => owned.end(),
  );
  const postgres = { name: "postgres", where: addressOf(config.databaseUrl) };
  await waitFor(postgres, () => query(pool, "SELECT 1"));

  const registry = createSchemaRegistry(access.registry);
  const schemaId = await waitFor(
    { name: "registry", where: addressOf(config.schemaRegistryUrl) },
    () => registry.idOf(subjectOf(topics.entries), schema),
  );

  const kafka = createKafka({ ...access.kafka, clientId: "auditor", log });
  const kafkaCheck = health.check("kafka");
  const waitForKafka = <T>(attempt: () => Promise<T>) =>
    waitFor({ name: "kafka", where: config.kafkaBrokers.join(","), check: kafkaCheck }, attempt);
  const producer = life.own(await waitForKafka(() => connectProducer({ kafka })), (owned) =>
    owned.close(),
  );
  const reader = life.own(await waitForKafka(() => connectTopicReader({ kafka })), (owned) =>
    owned.close(),
  );
  const decoder = createRecordDecoder<AuditEntry>({ registry, readerSchema: schema });
  return { topics, pool, schemaId, producer, reader, decoder, waitForKafka };
}
