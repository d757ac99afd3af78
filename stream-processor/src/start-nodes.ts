import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Producer } from "@fiberstream/kafka/producer";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import type { PgPool } from "@fiberstream/postgres/pool";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import type { Redis } from "@fiberstream/redis/redis";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { followNodes } from "./nodes/node-feed.ts";
import { createNodeLookup, type NodeLookup } from "./nodes/node-lookup.ts";
import { runNodePublisher } from "./nodes/node-publisher.ts";
import { createMemoryTier } from "./nodes/nodes-in-memory.ts";
import { createPostgresTier } from "./nodes/nodes-in-postgres.ts";
import { createRedisTier } from "./nodes/nodes-in-redis.ts";
import type { ProcessorMetrics } from "./processor-metrics.ts";

/** Starts everything about nodes: the look-up, the reader that updates its caches, and the publisher of changes. */
export function startNodes(options: {
  life: Life;
  pool: PgPool;
  redis: Redis;
  kafka: KafkaClient;
  producer: Producer;
  registry: SchemaRegistry;
  topic: string;
  schema: RecordSchema;
  schemaId: number;
  config: { namespace: string; redisTtlSeconds: number; memoryNodes: number; memoryTtlMs: number };
  metrics: ProcessorMetrics;
  log: Log;
}): NodeLookup {
  const { life, pool, config, metrics } = options;
  const memory = createMemoryTier({ maxNodes: config.memoryNodes, ttlMs: config.memoryTtlMs });
  const redis = createRedisTier({
    ask: createPromptRedis(options.redis),
    namespace: config.namespace,
    ttlSeconds: config.redisTtlSeconds,
  });
  life.own(runNodePublisher({ ...options, countPublished: metrics.countPublished }), (end) =>
    end(),
  );
  life.own(followNodes({ ...options, memory, redis }), (follower) => follower.close());
  return createNodeLookup({
    memory,
    redis,
    postgres: createPostgresTier({ pool }),
    count: metrics.countLookups,
  });
}
