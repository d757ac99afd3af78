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

/** Clients of the Kafka and the registry that these settings name. */
export function clientsOf(environment: Environment) {
  const config = readSettings(kafkaSettings(), environment);
  return {
    kafka: createKafka({ ...kafkaAccess(config), clientId: "test", log }),
    registry: createSchemaRegistry(registryAccess(config)),
  };
}

/** @throws as the producer does */
export async function writeTo(kafka: KafkaClient, name: string): Promise<void> {
  const producer = await connectProducer({ kafka });
  try {
    await producer.send(name, [{ key: "key", value: Buffer.from("value") }]);
  } finally {
    await producer.close();
  }
}

/** @throws what the client says, as it came */
export async function readFrom(kafka: KafkaClient, name: string): Promise<void> {
  const cluster = connectCluster(kafka);
  try {
    await cluster.fetch(name, new Map([[0, 0n]]), { maxWaitMs: 1 });
  } finally {
    await cluster.close();
  }
}

/** Hands over a connection to the database that these settings name. */
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

/** Hands over a client of the Redis that these settings name, let in. */
export async function withRedis<T>(
  environment: Environment,
  work: (client: ReturnType<typeof connectRedis>["client"]) => Promise<T>,
): Promise<T> {
  const access = redisAccess(readSettings(redisSettings(), environment));
  const redis = connectRedis({ ...access, log });
  try {
    await until(redis.isUp, { what: "Redis lets the user in" });
    return await work(redis.client);
  } finally {
    await redis.close();
  }
}
