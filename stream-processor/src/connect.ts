import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createPool, query } from "@fiberstream/postgres/pool";
import { connectRedis } from "@fiberstream/redis/redis";
import { redisAccess } from "@fiberstream/redis/settings";
import { addressOf } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { processorSettings } from "./settings.ts";

/** One holds the publisher's lock; the rest serve node look-ups, and further batches queue. */
const MAX_CONNECTIONS = 5;

/**
 * Connects to PostgreSQL, Redis, the schema registry and Kafka, and waits for each except Redis; `life` owns all of them.
 *
 * @returns the connections and the schema ids
 * @throws {FatalError} for settings that contradict each other, before it connects to anything
 */
export async function connect(frame: ServiceFrame<typeof processorSettings>, groupId: string) {
  const { config, log, life, waitFor } = frame;
  const { namespace } = config;
  const access = {
    kafka: kafkaAccess(config),
    registry: registryAccess(config),
    redis: redisAccess(config),
  };
  const topics = {
    raw: topicIn(namespace, "probe.metrics.raw"),
    enriched: topicIn(namespace, "probe.metrics.enriched"),
    deadLetter: topicIn(namespace, "probe.metrics.dead-letter"),
    alerts: topicIn(namespace, "probe.alerts"),
    nodes: topicIn(namespace, "probe.nodes"),
    reconciliation: topicIn(namespace, "probe.reconciliation"),
  };
  const schemas = {
    raw: readAvroSchema("ProbeMetric"),
    enriched: readAvroSchema("EnrichedProbeMetric"),
    alert: readAvroSchema("ProbeAlert"),
    node: readAvroSchema("Node"),
  };

  const pool = life.own(
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "stream-processor",
      maxConnections: MAX_CONNECTIONS,
      log,
    }),
    (owned) => owned.end(),
  );
  const postgres = { name: "postgres", where: addressOf(config.databaseUrl) };
  await waitFor(postgres, () => query(pool, "SELECT 1"));
  const redis = life.own(connectRedis({ ...access.redis, log }), (owned) => owned.close());

  const registry = createSchemaRegistry(access.registry);
  const registryAddress = addressOf(config.schemaRegistryUrl);
  const ids = await waitFor({ name: "registry", where: registryAddress }, async () => ({
    raw: await registry.idOf(subjectOf(topics.raw), schemas.raw),
    enriched: await registry.idOf(subjectOf(topics.enriched), schemas.enriched),
    alert: await registry.idOf(subjectOf(topics.alerts), schemas.alert),
    node: await registry.idOf(subjectOf(topics.nodes), schemas.node),
  }));

  const kafka = createKafka({ ...access.kafka, clientId: groupId, log });
  const waitForKafka = <T>(attempt: () => Promise<T>) =>
    waitFor({ name: "kafka", where: config.kafkaBrokers.join(",") }, attempt);
  const producer = life.own(await waitForKafka(() => connectProducer({ kafka })), (owned) =>
    owned.close(),
  );
  const reader = life.own(await waitForKafka(() => connectTopicReader({ kafka })), (owned) =>
    owned.close(),
  );
  return {
    topics,
    schemas,
    ids,
    pool,
    redis,
    registry,
    kafka,
    waitForKafka,
    producer,
    reader,
  };
}
