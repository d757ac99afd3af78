import { kafkaAccess } from "@fiberstream/kafka/access";
import { type Connections, createConnections } from "@fiberstream/kafka/broker/connections";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";

/** Access to the sink's topic and to the database with its offsets. */
export type SinkAccess = {
  readonly kafka: KafkaClient;
  readonly connections: Connections;
  readonly pool: PgPool;
  readonly topic: string;
};

/** Runs `work` with access to Kafka and the database, by the settings in the environment. */
export async function withSinkAccess<T>(work: (access: SinkAccess) => Promise<T>): Promise<T> {
  const config = readConfig({ ...kafkaSettings(), ...postgresSettings() });
  const log = createLog({ service: "fiber", level: "error", format: "auto" });
  const kafka = createKafka({ ...kafkaAccess(config), clientId: "fiber", log });
  const pool = createPool({ ...config, applicationName: "fiber", maxConnections: 1, log });
  const connections = createConnections(kafka);
  try {
    const topic = topicIn(config.namespace, "probe.metrics.enriched");
    return await work({ kafka, connections, pool, topic });
  } finally {
    await Promise.all([connections.close(), pool.end()]);
  }
}
