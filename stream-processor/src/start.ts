import { runConsumer } from "@fiberstream/kafka/consumer";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { createKafka } from "@fiberstream/kafka/kafka";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPool, query } from "@fiberstream/postgres/pool";
import { connectRedis } from "@fiberstream/redis/redis";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { addressOf, untilAvailable } from "@fiberstream/runtime/retry";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { createRawEventDecoder } from "./decode-raw.ts";
import { createEnrich } from "./enrich.ts";
import { createNodeLookup } from "./node-lookup.ts";
import { runNodePublisher } from "./node-publisher.ts";
import { createMemoryTier } from "./nodes-in-memory.ts";
import { createPostgresTier } from "./nodes-in-postgres.ts";
import { createRedisTier } from "./nodes-in-redis.ts";
import { createPartitionProducers } from "./partition-producers.ts";
import { createBatchProcessor } from "./process-batch.ts";
import { createProcessorMetrics } from "./processor-metrics.ts";
import type { processorSettings } from "./settings.ts";

/** Waits for what the processor needs, then consumes until the end of `life`. */
export async function start(frame: ServiceFrame<typeof processorSettings>): Promise<void> {
  const { config, log, life, health, registry: metricsRegistry } = frame;
  const { namespace, kafkaBrokers, schemaRegistryUrl } = config;
  const groupId = `${namespace}stream-processor`;
  const topics = {
    raw: topicIn(namespace, "probe.metrics.raw"),
    enriched: topicIn(namespace, "probe.metrics.enriched"),
    deadLetter: topicIn(namespace, "probe.metrics.dead-letter"),
    nodes: topicIn(namespace, "probe.nodes"),
  };
  const schemas = {
    raw: readAvroSchema("ProbeMetric"),
    enriched: readAvroSchema("EnrichedProbeMetric"),
    node: readAvroSchema("Node"),
  };
  const waitFor = <T>(name: string, where: string, attempt: () => Promise<T>) =>
    untilAvailable(attempt, {
      name,
      where,
      check: health.check(name),
      log,
      stopping: life.stopping,
    });

  const pool = life.own(
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "stream-processor",
      maxConnections: config.partitionsConcurrently + 1,
      log,
    }),
    (owned) => owned.end(),
  );
  await waitFor("postgres", addressOf(config.databaseUrl), () => query(pool, "SELECT 1"));
  const redis = life.own(connectRedis({ url: config.redisUrl, log }), (owned) => owned.close());

  const registry = createSchemaRegistry({ url: schemaRegistryUrl });
  const ids = await waitFor("registry", addressOf(schemaRegistryUrl), async () => ({
    raw: await registry.idOf(subjectOf(topics.raw), schemas.raw),
    enriched: await registry.idOf(subjectOf(topics.enriched), schemas.enriched),
    node: await registry.idOf(subjectOf(topics.nodes), schemas.node),
  }));

  const kafka = createKafka({ brokers: kafkaBrokers, clientId: groupId, log });
  const kafkaAddress = kafkaBrokers.join(",");
  const producer = life.own(
    await waitFor("kafka", kafkaAddress, () => connectProducer({ kafka })),
    (owned) => owned.close(),
  );
  const groupOffsets = life.own(
    await waitFor("kafka", kafkaAddress, () =>
      connectGroupOffsets({ kafka, groupId, topic: topics.raw }),
    ),
    (owned) => owned.close(),
  );
  const producers = life.own(createPartitionProducers({ kafka, groupId, groupOffsets }), (owned) =>
    owned.close(),
  );

  const redisTier = createRedisTier({ redis, namespace, ttlSeconds: config.redisTtlSeconds });
  const memory = createMemoryTier({ maxNodes: config.memoryNodes, ttlMs: config.memoryTtlMs });
  const processorMetrics = createProcessorMetrics({ registry: metricsRegistry });
  life.own(
    runNodePublisher({
      pool,
      producer,
      topic: topics.nodes,
      schema: schemas.node,
      schemaId: ids.node,
      onPublished: (nodeIds) => redisTier.forgetMany(nodeIds),
      countPublished: processorMetrics.countPublished,
      log,
    }),
    (end) => end(),
  );

  const metrics = createPipelineMetrics({ registry: metricsRegistry, stage: "processor" });
  const processBatch = createBatchProcessor({
    decoder: createRawEventDecoder({ registry, schema: schemas.raw, currentId: ids.raw }),
    lookupNodes: createNodeLookup({
      memory,
      redis: redisTier,
      postgres: createPostgresTier({ pool }),
      count: processorMetrics.countLookups,
    }),
    enrich: createEnrich({
      rawSchema: schemas.raw,
      enrichedSchema: schemas.enriched,
      enrichedId: ids.enriched,
    }),
    producerOf: producers.of,
    topics,
    groupId,
    metrics,
  });
  life.own(
    await waitFor("kafka", kafkaAddress, () =>
      runConsumer({
        kafka,
        groupId,
        topic: topics.raw,
        partitionsConcurrently: config.partitionsConcurrently,
        positionOf: producers.positionOf,
        processBatch,
        metrics,
        health,
        log,
      }),
    ),
    (consumer) => consumer.close(),
  );
}
