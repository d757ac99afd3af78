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
  /** How much a batch may be of a topic whose brokers take less than the default. */
  batchBytes: Map<string, number>;
  compression: Codec;
  /** How long a batch that is not taken for now is sent again; default 5 s. */
  notTakenForMs?: number;
};

/** A leader does not take a batch for now, and says so of one partition. */
export class NotTakenError extends BrokerAnswerError {
  readonly topic: string;
  readonly partition: number;

  constructor({ topic, partition }: Destination, type: string) {
    super(type, `partition ${partition} of ${topic}: ${type}`);
    this.topic = topic;
    this.partition = partition;
  }

  /** Whether it is where some records go. */
  isAmong(destinations: readonly Destination[]): boolean {
    return destinations.some(
      ({ topic, partition }) => topic === this.topic && partition === this.partition,
    );
  }
}

export type Refused = { readonly batch: Destination; readonly type: string };

/**
 * Sends one batch of each partition. Those that are not taken for now are sent again: a leader says so (since 3.6)
 * also while the coordinator, whom it asks whether the partition is in the transaction, is busy with another step.
 * @returns a batch that its leader will never take
 * @throws {NotTakenError}
 * @throws {Error}
 */
export async function produce(
  steps: SendSteps,
  portion: readonly Destination[],
): Promise<Refused | undefined> {
  const { notTakenForMs = NOT_TAKEN_FOR_MS } = steps;
  const giveUpAtMs = performance.now() + notTakenForMs;
  let refused: Refused | undefined;
  let left = portion;
  for (let waitMs = 1; left.length > 0; waitMs = Math.min(2 * waitMs, MOST_WAIT_MS)) {
    const answers = await produceOnce(steps, left);
    left = answers.flatMap(({ batch, type }) => (type === NOT_TAKEN ? [batch] : []));
    for (const { batch, type } of answers) {
      if (type === undefined) continue;
      if (isRefusal(type, batch.records, Date.now())) refused ??= { batch, type };
      else if (type !== NOT_TAKEN || performance.now() > giveUpAtMs) {
        steps.leaders.forget(batch.topic);
        throw new NotTakenError(batch, type);
      }
    }
    if (left.length > 0) await delay(waitMs);
  }
  return refused;
}

const NOT_TAKEN = "NOT_ENOUGH_REPLICAS";
const NOT_TAKEN_FOR_MS = 5_000;
const MOST_WAIT_MS = 200;

type Answer = { readonly batch: Destination; readonly type: string | undefined };

/**
 * One request.
 * @returns what became of each batch
 * @throws {Error} nobody knows
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
