import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { createTopicCheck } from "@fiberstream/kafka/topic-check";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis } from "@fiberstream/redis/redis";
import { redisAccess } from "@fiberstream/redis/settings";
import { addressOf } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { createDependencyState, watchDependency } from "./admission/dependency-state.ts";
import { createInFlightBudget } from "./admission/in-flight-budget.ts";
import { createRateLimiter } from "./admission/rate-limits.ts";
import { shareRateLimits } from "./admission/shared-rate-limits.ts";
import { startAuthentication } from "./auth/start-authentication.ts";
import { createStallWatch } from "./connections/stall-watch.ts";
import { createGatewayMetrics } from "./gateway-metrics.ts";
import { startIntake } from "./intake.ts";
import { createEventEncoder } from "./produce/encode-event.ts";
import { createEventProducer, type EventProducer } from "./produce/event-producer.ts";
import type { gatewaySettings } from "./settings.ts";

/**
 * Listens first, then connects: while Kafka or the registry is unavailable, senders get 503 with
 * Retry-After instead of a refused connection. Resources are released in reverse order, so a stop
 * closes the public port first, then sends the open produce batches, then disconnects.
 */
export async function start(frame: ServiceFrame<typeof gatewaySettings>): Promise<void> {
  const { config, log, life, health, registry: metricsRegistry, tracing, waitFor } = frame;
  const { stopping } = life;
  const schema = readAvroSchema("ProbeMetric");
  const topic = topicIn(config.namespace, "probe.metrics.raw");
  const intervalMs = config.dependencyCheckIntervalMs;

  const redis = life.own(connectRedis({ ...redisAccess(config), log }), (owned) => owned.close());

  const ask = createPromptRedis(redis);
  const authenticate = startAuthentication({
    config,
    version: frame.version,
    ask,
    life,
    registry: metricsRegistry,
    log,
  });
  const rateLimiter = createRateLimiter();
  life.own(
    shareRateLimits({ ...rateLimiter, ask, namespace: config.namespace, stopping }),
    (ended) => ended(),
  );

  const kafka = createKafka({ ...kafkaAccess(config), clientId: "ingest-gateway", log });
  const kafkaState = createDependencyState(health.check("kafka"));
  const topicCheck = life.own(createTopicCheck({ kafka, topic }), (owned) => owned.close());
  life.own(
    watchDependency({ probe: topicCheck.check, state: kafkaState, intervalMs, stopping }),
    (ended) => ended(),
  );

  // The schema id is needed once: after that the gateway runs without the registry.
  const registry = createSchemaRegistry(registryAccess(config));
  const schemaIdCheck = health.check("registry");
  const registryState = createDependencyState();
  life.own(
    watchDependency({ probe: registry.ping, state: registryState, intervalMs, stopping }),
    (ended) => ended(),
  );

  let producer: EventProducer | undefined;
  life.own("producer", () => producer?.close());

  const budget = createInFlightBudget({
    maxBytes: config.inFlightMaxBytes,
    maxRequests: config.maxRequestsPerKey,
  });
  const metrics = createGatewayMetrics({
    registry: metricsRegistry,
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
      rateLimiter,
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
  log.info({ address: `${scheme}://${config.host}:${server.port}` }, "listening for probes");

  const schemaId = await waitFor(
    { name: "registry", where: addressOf(config.schemaRegistryUrl), check: schemaIdCheck },
    () => registry.idOf(subjectOf(topic), schema),
  );
  const connected = await waitFor(
    { name: "kafka", where: config.kafkaBrokers.join(","), check: kafkaState },
    async () => {
      await topicCheck.check();
      return connectProducer({ kafka, answerMaxWaitMs: config.produceMaxWaitMs });
    },
  );
  producer = createEventProducer({
    topic,
    producer: connected,
    encode: createEventEncoder({ schema, schemaId }),
    lingerMs: config.lingerMs,
    batchMaxEvents: config.batchMaxEvents,
    produceMaxWaitMs: config.produceMaxWaitMs,
    kafka: kafkaState,
    observeProduceSeconds: metrics.observeProduceSeconds,
    log,
  });
}
