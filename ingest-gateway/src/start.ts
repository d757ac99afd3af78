import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { createTopicCheck } from "@fiberstream/kafka/topic-check";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis } from "@fiberstream/redis/redis";
import { redisAccess } from "@fiberstream/redis/settings";
import { addressOf, untilAvailable } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { startAuthentication } from "./auth/auth-parts.ts";
import { createDependencyState, watchDependency } from "./dependency-state.ts";
import { createEventEncoder } from "./encode-event.ts";
import { createEventProducer, type EventProducer } from "./event-producer.ts";
import { createBuckets } from "./fairness/buckets.ts";
import { shareBuckets } from "./fairness/shared-buckets.ts";
import { createGatewayMetrics } from "./gateway-metrics.ts";
import { createInFlightBudget } from "./in-flight-budget.ts";
import { startIntake } from "./intake.ts";
import type { gatewaySettings } from "./settings.ts";
import { createStallWatch } from "./stall-watch.ts";

/**
 * Listens first and connects then: while Kafka or the registry is away, senders are told 503 with
 * Retry-After instead of finding nobody. What is owned is released in the reverse order, so a stop
 * ends the intake first, then sends what is gathered, then disconnects.
 */
export async function start(frame: ServiceFrame<typeof gatewaySettings>): Promise<void> {
  const { config, log, life, health, registry, tracing } = frame;
  const { stopping } = life;
  const schema = readAvroSchema("ProbeMetric");
  const topic = topicIn(config.namespace, "probe.metrics.raw");
  const intervalMs = config.dependencyCheckIntervalMs;

  const redis = life.own(connectRedis({ ...redisAccess(config), log }), (owned) => owned.close());

  const ask = createPromptRedis(redis);
  const authenticate = startAuthentication({ config, ask, life, registry, log });
  const buckets = createBuckets();
  life.own(shareBuckets({ ...buckets, ask, namespace: config.namespace, stopping }), (ended) =>
    ended(),
  );

  const kafka = createKafka({ ...kafkaAccess(config), clientId: "ingest-gateway", log });
  const kafkaState = createDependencyState(health.check("kafka"));
  const topicCheck = life.own(createTopicCheck({ kafka, topic }), (owned) => owned.close());
  life.own(
    watchDependency({ look: topicCheck.check, state: kafkaState, intervalMs, stopping }),
    (ended) => ended(),
  );

  // Its id is kept for good once it is known: from then on the registry may be away.
  const schemaRegistry = createSchemaRegistry(registryAccess(config));
  const schemaIdCheck = health.check("registry");
  const registryState = createDependencyState();
  life.own(
    watchDependency({ look: schemaRegistry.ping, state: registryState, intervalMs, stopping }),
    (ended) => ended(),
  );

  let producer: EventProducer | undefined;
  life.own("producer", () => producer?.close());

  const budget = createInFlightBudget({
    maxBytes: config.inFlightMaxBytes,
    maxRequests: config.maxRequestsPerKey,
  });
  const metrics = createGatewayMetrics({
    registry,
    inFlightEvents: () => producer?.inFlightEvents() ?? 0,
    silentLeaders: () => producer?.silentLeaders() ?? 0,
    bufferBytes: budget.usedBytes,
    maxTenants: config.metricsMaxTenants,
  });
  const server = life.own(
    await startIntake({
      config,
      schema,
      authenticate,
      buckets,
      ask,
      producer: () => producer,
      dependencies: {
        isKafkaUp: kafkaState.isUp,
        isRegistryUp: registryState.isUp,
        isRedisUp: redis.isUp,
      },
      budget,
      metrics,
      stalls: life.own(createStallWatch(), (owned) => owned.end()),
      tracing,
      topic,
      stopping,
      log,
    }),
    (owned) => owned.close(),
  );
  const scheme = config.tlsCertFile === undefined ? "http" : "https";
  log.info({ address: `${scheme}://${config.host}:${server.port}` }, "listens for probes");

  const schemaId = await untilAvailable(() => schemaRegistry.idOf(subjectOf(topic), schema), {
    name: "registry",
    where: addressOf(config.schemaRegistryUrl),
    check: schemaIdCheck,
    log,
    stopping,
  });
  const connected = await untilAvailable(
    async () => {
      await topicCheck.check();
      return connectProducer({ kafka, answerMaxWaitMs: config.produceMaxWaitMs });
    },
    { name: "kafka", where: config.kafkaBrokers.join(","), check: kafkaState, log, stopping },
  );
  producer = createEventProducer({
    topic,
    producer: connected,
    encode: createEventEncoder({ schema, schemaId }),
    gatherMaxWaitMs: config.gatherMaxWaitMs,
    gatherMaxEvents: config.gatherMaxEvents,
    produceMaxWaitMs: config.produceMaxWaitMs,
    kafka: kafkaState,
    observeProduceSeconds: metrics.observeProduceSeconds,
    log,
  });
}
