import { createConnections } from "../broker/connections.ts";
import { type Delivering, deliverRecords, type Failure } from "./deliver-records.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { createKnownLeaders, type TopicLeaders } from "./known-leaders.ts";
import type { OutgoingRecord } from "../records.ts";

export type Producer = {
  /**
   * Resolves when all in-sync replicas have every record (acks=all).
   * An error leaves open which records Kafka has: sending them again may double them.
   * @throws {TransientError}
   * @throws {FatalError}
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
  /** Who leads what, as far as known now: for those who let nobody wait for the leader of others' records. */
  leadersOf: (topic: string) => TopicLeaders | undefined;
};

const ANSWER_MAX_WAIT_MS = 10_000;

/**
 * A producer without idempotence: what a second try doubles is removed by the records' own ids.
 * It writes record batches itself, 500 records a call cost 1 us each. A leader that is frozen holds up only what goes
 * to its own partitions.
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
  const how: Delivering = { connections, leaders, compression, answerMaxWaitMs };
  const deliver: DeliveringProducer["deliver"] = (topic, records) =>
    deliverRecords(how, topic, records);
  return {
    send: async (topic, records) => {
      const failure = (await deliver(topic, records)).find((one) => one !== undefined);
      if (failure !== undefined) throw failure;
    },
    deliver,
    leadersOf: leaders.now,
    close: () => connections.close(),
  };
}
