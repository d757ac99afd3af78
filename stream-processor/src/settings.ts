import { breakerSettings } from "@fiberstream/kafka/breaker";
import { groupSettings, kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { redisSettings } from "@fiberstream/redis/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { eventTimeSettings } from "./decode/event-time.ts";

export const processorSettings = {
  ...serviceSettings(8020),
  ...kafkaSettings(),
  ...postgresSettings(),
  ...redisSettings(),
  ...groupSettings(),
  ...breakerSettings(),
  ...eventTimeSettings(),
  maxFetchBytes: setting(
    "PROCESSOR_MAX_FETCH_BYTES",
    // Draining 300,000 events: 7.7 us an event and 337 MB with 1 MB, 9.5 and 288 with half, 9.2 and 266 with a quarter.
    wholeNumber({ min: 16_384, max: 16_777_216 }).default(524_288),
    "maximum bytes per partition in one fetch, which bounds the size of a transaction",
  ),
  maxWaitMs: setting(
    "PROCESSOR_MAX_WAIT_MS",
    wholeNumber({ min: 1, max: 2_000 }).default(25),
    "how long a fetch waits for more records, ms",
  ),
  memoryNodes: setting(
    "MEMORY_NODES",
    wholeNumber({ min: 1, max: 10_000_000 }).default(20_000),
    "nodes whose data is cached in memory, about 400 bytes each",
  ),
  memoryTtlMs: setting(
    "MEMORY_TTL_MS",
    wholeNumber({ min: 0, max: 3_600_000 }).default(10_000),
    "time to live of a node's data in memory, for when the topic of node changes cannot be read",
  ),
  redisTtlSeconds: setting(
    "REDIS_TTL_SECONDS",
    wholeNumber({ min: 1, max: 86_400 }).default(300),
    "time to live of a node's data in Redis, randomly up to a fifth shorter",
  ),
  windowNodesPerPartition: setting(
    "WINDOW_NODES_PER_PARTITION",
    wholeNumber({ min: 1, max: 10_000_000 }).default(20_000),
    "nodes per partition whose recent events are kept in memory, up to 3 KB each; past it one that was not used recently is evicted",
  ),
};
