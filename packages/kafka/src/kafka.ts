import type { Log } from "@fiberstream/runtime/log";
import { tlsOptions } from "@fiberstream/runtime/tls-files";
import { Kafka, logLevel } from "kafkajs";
import type { KafkaSecurity } from "./settings/access.ts";
import type { Codec } from "./protocol/batch-compression.ts";
import { exposeCoordinatorError } from "./kafkajs/coordinator-search.ts";
import { createKafkaLog } from "./kafkajs/kafka-log.ts";
import { tolerateLeaderlessPartitions } from "./kafkajs/metadata-refresh.ts";
import { repairRequestQueue } from "./kafkajs/request-queue-repair.ts";

repairRequestQueue();
exposeCoordinatorError();
tolerateLeaderlessPartitions();

/** The address of a cluster, and how its client authenticates. */
export type KafkaAccess = {
  /** host:port, at least one */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** By default connections are plain and not authenticated. */
  readonly security?: KafkaSecurity;
  /** How record batches are compressed when written; default "none". */
  readonly compression?: Codec;
};

/** The client of kafkajs, and the access for our own connections (`broker/connections.ts`). */
export type KafkaClient = Kafka & { readonly access: KafkaAccess };

/**
 * Creates a client of one cluster. It connects when a producer, consumer or admin of it does.
 *
 * A call fails after about 1.5 s of retries, so that its caller can report soon that Kafka is unavailable. A caller that
 * can wait longer has to retry itself.
 */
export function createKafka(options: KafkaAccess & { log: Log }): KafkaClient {
  const { brokers, clientId, security, compression = "none" } = options;
  const { tls, sasl } = security ?? {};
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId,
    ...(tls !== undefined && { ssl: tlsOptions(tls) }),
    ...(sasl !== undefined && { sasl }),
    logLevel: logLevel.INFO,
    logCreator: createKafkaLog(options.log),
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 },
  });
  return Object.assign(kafka, {
    access: { brokers, clientId, compression, ...(security && { security }) },
  });
}
