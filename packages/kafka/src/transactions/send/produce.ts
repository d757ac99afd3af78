import { setTimeout as delay } from "node:timers/promises";
import { answerType, BrokerAnswerError } from "../../broker/broker-answer.ts";
import type { Codec } from "../../protocol/batch-compression.ts";
import type { Connections } from "../../broker/connections.ts";
import { writeRecordBatch } from "../../protocol/record-batch-writer.ts";
import { type Destination, keyOf } from "./destinations.ts";
import type { Leaders } from "./leaders.ts";
import {
  PRODUCE_TIMEOUT_MS,
  type PartitionBatch,
  produceBatches,
} from "../../protocol/produce-request.ts";
import { isRefusal } from "../../errors/record-refused.ts";
import type { Session } from "../coordinator/session.ts";

export type SendSteps = {
  connections: Connections;
  leaders: Leaders;
  session: Session;
  /** Names the connections. */
  channel: string;
  /** The maximum batch size, by topic, where brokers accept less than the default. */
  batchBytes: Map<string, number>;
  compression: Codec;
  /** How long a batch that its leader does not accept for now is retried; default 5 s. */
  retryForMs?: number;
};

/** A leader does not accept a batch of one partition for now. */
export class NotAcceptedError extends BrokerAnswerError {
  readonly topic: string;
  readonly partition: number;

  constructor({ topic, partition }: Destination, type: string) {
    super(type, `partition ${partition} of ${topic}: ${type}`);
    this.topic = topic;
    this.partition = partition;
  }

  /** Whether the partition is one of the destinations. */
  isAmong(destinations: readonly Destination[]): boolean {
    return destinations.some(
      ({ topic, partition }) => topic === this.topic && partition === this.partition,
    );
  }
}

export type RefusedBatch = { readonly batch: Destination; readonly type: string };

/**
 * Sends one batch to each partition, and retries those that are not accepted for now. NOT_ENOUGH_REPLICAS is also the
 * leader's answer (since 3.6) while the coordinator, which it asks whether the partition is in the transaction, is busy.
 * @returns a batch that its leader will never accept
 * @throws {NotAcceptedError}
 * @throws {Error}
 */
export async function produce(
  steps: SendSteps,
  batches: readonly Destination[],
): Promise<RefusedBatch | undefined> {
  const { retryForMs = RETRY_FOR_MS } = steps;
  const giveUpAtMs = performance.now() + retryForMs;
  let refused: RefusedBatch | undefined;
  let remaining = batches;
  for (let waitMs = 1; remaining.length > 0; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    const answers = await produceOnce(steps, remaining);
    remaining = answers.flatMap(({ batch, type }) => (type === NOT_TAKEN ? [batch] : []));
    for (const { batch, type } of answers) {
      if (type === undefined) continue;
      if (isRefusal(type, batch.records, Date.now())) refused ??= { batch, type };
      else if (type !== NOT_TAKEN || performance.now() > giveUpAtMs) {
        steps.leaders.forget(batch.topic);
        throw new NotAcceptedError(batch, type);
      }
    }
    if (remaining.length > 0) await delay(waitMs);
  }
  return refused;
}

const NOT_TAKEN = "NOT_ENOUGH_REPLICAS";
const RETRY_FOR_MS = 5_000;
const MAX_WAIT_MS = 200;

type Answer = { readonly batch: Destination; readonly type: string | undefined };

/**
 * Sends one request.
 * @returns the result of each batch
 * @throws {Error} the outcome is unknown
 */
async function produceOnce(
  { connections, leaders, session, channel, compression }: SendSteps,
  batches: readonly Destination[],
): Promise<Answer[]> {
  const [first] = batches;
  if (first === undefined) return [];
  const { transactionalId, producerEpoch, sequences } = session;
  const producer = { producerId: session.producerId.toString(), producerEpoch };
  const nowMs = Date.now();
  const written: PartitionBatch[] = batches.map((destination) => {
    const { topic, partition, records } = destination;
    const firstSequence = sequences.get(keyOf(destination)) ?? 0;
    const batch = writeRecordBatch(records, { ...producer, firstSequence }, nowMs, compression);
    return { topic, partition, batch };
  });
  const request = { api: produceBatches, timeoutMs: PRODUCE_TIMEOUT_MS };
  const answer = await connections
    .call(first.leader, `${channel} records`, request, transactionalId, written)
    .catch((error: unknown) => {
      for (const { topic } of batches) leaders.forget(topic);
      throw error;
    });
  const codes = new Map(
    answer.responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map(({ index, errorCode }) => [`${name} ${index}`, errorCode]),
    ),
  );
  return batches.map((batch) => {
    const key = keyOf(batch);
    const type = answerType(codes.get(key) ?? UNKNOWN_SERVER_ERROR);
    if (type === undefined) {
      sequences.set(key, ((sequences.get(key) ?? 0) + batch.records.length) % 2 ** 31);
    }
    return { batch, type };
  });
}

const UNKNOWN_SERVER_ERROR = -1;
