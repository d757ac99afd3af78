import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { connectCluster } from "@fiberstream/kafka/cluster-access";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { connectRedis } from "@fiberstream/redis/redis";
import { redisAccess, redisSettings } from "@fiberstream/redis/settings";
import { createLog } from "@fiberstream/runtime/log";
import { readSettings } from "@fiberstream/runtime/settings";
import { until } from "@fiberstream/testkit/until";
import { Client } from "pg";
import type { Environment } from "../platform/run-program.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

/** Creates clients of Kafka and the registry with these settings. */
export function clientsOf(environment: Environment) {
  const config = readSettings(kafkaSettings(), environment);
  return {
    kafka: createKafka({ ...kafkaAccess(config), clientId: "test", log }),
    registry: createSchemaRegistry(registryAccess(config)),
  };
}

/** @throws the errors of the producer */
export async function writeTo(kafka: KafkaClient, name: string): Promise<void> {
  const producer = await connectProducer({ kafka });
  try {
    await producer.send(name, [{ key: "key", value: Buffer.from("value") }]);
  } finally {
    await producer.close();
  }
}

/** @throws the errors of the client */
export async function readFrom(kafka: KafkaClient, name: string): Promise<void> {
  const cluster = connectCluster(kafka);
  try {
    await cluster.fetch(name, new Map([[0, 0n]]), { maxWaitMs: 1 });
  } finally {
    await cluster.close();
  }
}

/** Runs `work` with a connection to the database in these settings. */
export async function withDatabase<T>(
  { DATABASE_URL: connectionString = "" }: Environment,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ connectionString });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Runs `work` with a client that is logged in to the Redis in these settings. */
export async function withRedis<T>(
  environment: Environment,
  work: (client: ReturnType<typeof connectRedis>["client"]) => Promise<T>,
): Promise<T> {
  const access = redisAccess(readSettings(redisSettings(), environment));
  const redis = connectRedis({ ...access, log });
  try {
    await until(redis.isUp, { what: "the user is logged in to Redis" });
    return await work(redis.client);
  } finally {
    await redis.close();
  }
}
