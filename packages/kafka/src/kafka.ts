import type { Log } from "@fiberstream/runtime/log";
import { tlsOptions } from "@fiberstream/runtime/tls-files";
import { Kafka, logLevel } from "kafkajs";
import type { KafkaSecurity } from "./access.ts";
import { tellWhyNoCoordinator } from "./coordinator-search.ts";
import { useOwnFetchDecoding } from "./fetch-decoding.ts";
import { lingerWhileRecordsCome } from "./fetch-linger.ts";
import { createKafkaLog } from "./kafka-log.ts";
import { tellOffsetsOutOfRange } from "./offset-range.ts";
import { repairRequestQueue } from "./request-queue-repair.ts";

repairRequestQueue();
useOwnFetchDecoding();
lingerWhileRecordsCome();
tellOffsetsOutOfRange();
tellWhyNoCoordinator();

export type KafkaClient = Kafka;

/**
 * A client of one cluster; nothing connects before a producer, consumer or admin of it does.
 *
 * A call gives up after about 1.5 s of tries, so that its caller can say at once that Kafka is away;
 * those who would rather wait try again themselves, with their own reason to.
 *
 * @param options.brokers host:port, at least one
 * @param options.security by default connections are plain and nobody says who they are
 */
export function createKafka(options: {
  brokers: readonly string[];
  clientId: string;
  security?: KafkaSecurity;
  log: Log;
}): KafkaClient {
  const { tls, sasl } = options.security ?? {};
  return new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    ...(tls !== undefined && { ssl: tlsOptions(tls) }),
    ...(sasl !== undefined && { sasl }),
    logLevel: logLevel.INFO,
    logCreator: createKafkaLog(options.log),
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 },
  });
}
