import { createConnections } from "../broker/connections.ts";
import { type DeliverySteps, deliverRecords, type Failure } from "./deliver-records.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { createKnownLeaders, type TopicLeaders } from "./known-leaders.ts";
import type { OutgoingRecord } from "../records.ts";

export type Producer = {
  /**
   * Resolves when all in-sync replicas have every record (acks=all).
   * After an error it is unknown which records Kafka has: sending them again may create duplicates.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  send: (topic: string, records: readonly OutgoingRecord[]) => Promise<void>;
  close: () => Promise<void>;
};

export type DeliveringProducer = Producer & {
  /**
   * The same with a result for each record: if a partition fails, only its own records fail.
   * @returns a failure for each record in order, undefined if all in-sync replicas have it. Never rejects
   */
  deliver: (topic: string, records: readonly OutgoingRecord[]) => Promise<Failure[]>;
  /** The known leaders, for callers that queue records by leader. */
  leadersOf: (topic: string) => TopicLeaders | undefined;
};

const ANSWER_MAX_WAIT_MS = 10_000;

/**
 * Connects a producer without Kafka's idempotence: duplicates by retries are removed by the records' own ids. It encodes
 * record batches itself: with 500 records in a call, 1 us each. A frozen leader delays only the records of its own
 * partitions.
 * @param options.answerMaxWaitMs how long a leader may take for its answer, default 10 s
 * @throws {TransientError} when no broker answers
 * @throws {FatalError}
 */
export async function connectProducer(options: {
  kafka: Pick<KafkaClient, "access">;
  answerMaxWaitMs?: number;
}): Promise<DeliveringProducer> {
  const { kafka, answerMaxWaitMs = ANSWER_MAX_WAIT_MS } = options;
  const { compression = "none" } = kafka.access;
  const connections = createConnections(kafka);
  try {
    await connections.reach();
  } catch (error) {
    await connections.close();
    throw kafkaFailure(error);
  }
  const leaders = createKnownLeaders(connections);
  const steps: DeliverySteps = { connections, leaders, compression, answerMaxWaitMs };
  const deliver: DeliveringProducer["deliver"] = (topic, records) =>
    deliverRecords(steps, topic, records);
  return {
    send: async (topic, records) => {
      const failure = (await deliver(topic, records)).find((found) => found !== undefined);
      if (failure !== undefined) throw failure;
    },
    deliver,
    leadersOf: leaders.now,
    close: () => connections.close(),
  };
}
