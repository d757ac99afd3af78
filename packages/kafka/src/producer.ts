import { deliverRecords, type Failure } from "./deliver-records.ts";
import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import { createCluster } from "./kafkajs-cluster.ts";
import type { OutgoingRecord } from "./records.ts";

export type Producer = {
  /**
   * Resolves when all in-sync replicas have every record (acks=all).
   * An error leaves open which records Kafka has: sending them again may double them.
   * @throws {TransientError} @throws {FatalError}
   */
  send: (topic: string, records: readonly OutgoingRecord[]) => Promise<void>;
  close: () => Promise<void>;
};

export type DeliveringProducer = Producer & {
  /**
   * The same for each record by itself: a partition that fails costs only its own records.
   * @returns a failure for each record in order, undefined where all in-sync replicas have it. Never rejects
   */
  deliver: (topic: string, records: readonly OutgoingRecord[]) => Promise<Failure[]>;
};

/**
 * A producer without idempotence: what a second try doubles is removed by the records' own ids.
 * It writes record batches itself and leaves kafkajs the connections: 500 records a call cost 1 us each
 * against 9 to 12, and kafkajs's own producer lets one failing partition fail all that is sent with it.
 * @throws {TransientError} when no broker answers
 */
export async function connectProducer(options: {
  kafka: KafkaClient;
}): Promise<DeliveringProducer> {
  const cluster = createCluster(options.kafka);
  try {
    await cluster.connect();
  } catch (error) {
    await cluster.disconnect().catch(() => undefined);
    throw kafkaFailure(error);
  }
  const deliver: DeliveringProducer["deliver"] = (topic, records) =>
    deliverRecords(cluster, topic, records, options.kafka.access.compression);
  return {
    send: async (topic, records) => {
      const failure = (await deliver(topic, records)).find((one) => one !== undefined);
      if (failure !== undefined) throw failure;
    },
    deliver,
    close: () => cluster.disconnect(),
  };
}
