import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import type { Codec } from "../protocol/batch-compression.ts";
import { BrokerAnswerError, throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { KnownLeaders, TopicLeaders } from "./known-leaders.ts";
import { partitionFor } from "../protocol/murmur2.ts";
import { writeRecordBatch } from "../protocol/record-batch-writer.ts";
import { BATCH_BYTES, splitBySize } from "../protocol/split-by-size.ts";
import type { OutgoingRecord } from "../records.ts";
import { type PartitionBatch, produceBatches } from "../protocol/produce-request.ts";

/** The result for a record: undefined if all in-sync replicas have it. */
export type Failure = ReturnType<typeof kafkaFailure> | undefined;

/** What delivering uses. */
export type DeliverySteps = {
  readonly connections: Pick<Connections, "call">;
  readonly leaders: KnownLeaders;
  readonly compression?: Codec;
  /** How long a leader may take for its answer. No attempt is begun after half of it. */
  readonly answerMaxWaitMs: number;
};

/** A second attempt finds a leader that has moved, or reopens a connection that the broker has closed. */
const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 50;
/** How long to wait for new leaders before the next attempt; without them that attempt reports the failure. */
const LEADERS_MAX_WAIT_MS = 300;
/** A leader whose replicas do not answer reports that before its own timeout. */
const REPLICAS_SHARE = 0.8;

/**
 * Sends records, each partition independently: if one fails, only its records are retried, and only they fail in the end.
 * A key's partition is the one that Kafka's own clients choose.
 *
 * A partition's records are written in the given order (`deliver-records.int.test.ts`): records after a failed record of
 * their partition are not sent until that one has succeeded, and fail with it for good. So if a caller sends failed records
 * again, none of them follows a later record that was accepted. The order holds only within one call: two concurrent calls
 * may overtake each other.
 *
 * @returns a failure for each record, in order. Never rejects
 */
export async function deliverRecords(
  steps: DeliverySteps,
  topic: string,
  records: readonly OutgoingRecord[],
): Promise<Failure[]> {
  const failures: Failure[] = Array.from({ length: records.length });
  const lastTryAtMs = performance.now() + steps.answerMaxWaitMs / 2;
  let left = records.map((_, index) => index);
  for (let tries = 1; left.length > 0; tries++) {
    const failed = await tryOnce({ ...steps, topic, records }, left);
    for (const index of left) failures[index] = failed.get(index);
    left = left.filter((index) => failures[index] instanceof TransientError);
    if (left.length === 0) break;
    const refreshed = steps.leaders.doubt(topic);
    if (tries === MAX_ATTEMPTS || performance.now() > lastTryAtMs) break;
    await delay(FIRST_PAUSE_MS * tries);
    await Promise.race([refreshed, delay(LEADERS_MAX_WAIT_MS)]);
  }
  return failures;
}

type Delivery = DeliverySteps & {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
};

/** @returns the failures by index of the record */
async function tryOnce(what: Delivery, indexes: readonly number[]): Promise<Map<number, Failure>> {
  const { topic, records, leaders } = what;
  const failed = new Map<number, Failure>();
  /** Later records of these partitions have to wait for the next attempt. */
  const failedPartitions = new Map<number, Failure>();
  const failAll = (byPartition: readonly PartitionRecords[], failure: Failure) => {
    for (const { partition, rows } of byPartition) {
      failedPartitions.set(partition, failure);
      for (const index of rows) failed.set(index, failure);
    }
  };
  let byPartition: PartitionRecords[] = [];
  try {
    const known = await leaders.of(topic);
    if (known.partitions === 0)
      throw new TransientError("kafka", `the metadata of ${topic} is not known yet`);
    byPartition = groupByPartition(known, records, indexes);
  } catch (error) {
    const failure = kafkaFailure(error);
    return new Map(indexes.map((index) => [index, failure]));
  }
  const sendRequest = async (wanted: readonly PartitionRecords[]) => {
    const sent: PartitionRecords[] = [];
    for (const ofPartition of wanted) {
      const before = failedPartitions.get(ofPartition.partition);
      if (before === undefined) sent.push(ofPartition);
      else failAll([ofPartition], before);
    }
    const [first] = sent;
    if (first === undefined) return;
    const { leader, channel } = first;
    try {
      if (leader === undefined) {
        throw new BrokerAnswerError(
          "LEADER_NOT_AVAILABLE",
          `a partition of ${topic} has no leader`,
        );
      }
      const answers = await produce(what, leader, channel, sent);
      for (const ofPartition of sent) {
        const { partition } = ofPartition;
        const code = answers.get(partition) ?? UNKNOWN_SERVER_ERROR;
        leaders.setWaiting(topic, partition, code === REQUEST_TIMED_OUT);
        try {
          throwIfFailed(code, `partition ${partition} of ${topic}`);
        } catch (error) {
          failAll([ofPartition], kafkaFailure(error));
        }
      }
    } catch (error) {
      failAll(sent, kafkaFailure(error));
    }
  };
  const byConnection = Map.groupBy(
    byPartition,
    ({ leader, channel }) => leader && [nameOf(leader), channel].join(" "),
  );
  const sends = [...byConnection.values()].map(async (ofConnection) => {
    for (const request of requestsOf(ofConnection, records)) await sendRequest(request);
  });
  await Promise.all(sends);
  return failed;
}

/** Records of one partition, by their indexes. */
type PartitionRecords = {
  readonly partition: number;
  readonly leader: BrokerAddress | undefined;
  readonly channel: string;
  readonly rows: readonly number[];
};

function groupByPartition(
  { partitions, addressOf, channelOf }: TopicLeaders,
  records: readonly OutgoingRecord[],
  indexes: readonly number[],
): PartitionRecords[] {
  const indexesOf = Map.groupBy(indexes, (index) =>
    partitionFor(records[index]?.key ?? null, partitions),
  );
  return [...indexesOf].map(([partition, rows]) => ({
    partition,
    leader: addressOf(partition),
    channel: channelOf(partition),
    rows,
  }));
}

/** Splits records into consecutive requests, each with at most one batch of a partition, of bounded size. */
function requestsOf(
  byPartition: readonly PartitionRecords[],
  records: readonly OutgoingRecord[],
): PartitionRecords[][] {
  const requests: PartitionRecords[][] = [];
  for (const ofPartition of byPartition) {
    const chunks = splitBySize(ofPartition.rows, (index) => records[index], BATCH_BYTES);
    for (const [at, { items }] of chunks.entries()) {
      (requests[at] ??= []).push({ ...ofPartition, rows: items });
    }
  }
  return requests;
}

/** @returns each partition's error code, 0 for none */
async function produce(
  { connections, topic, records, compression, answerMaxWaitMs }: Delivery,
  leader: BrokerAddress,
  channel: string,
  byPartition: readonly PartitionRecords[],
): Promise<Map<number, number>> {
  const nowMs = Date.now();
  const batches: PartitionBatch[] = byPartition.map(({ partition, rows }) => {
    const written = rows.map((index) => records[index]).filter((record) => record !== undefined);
    return { topic, partition, batch: writeRecordBatch(written, undefined, nowMs, compression) };
  });
  const request = { api: produceBatches, timeoutMs: answerMaxWaitMs };
  const replicasMaxWaitMs = Math.floor(answerMaxWaitMs * REPLICAS_SHARE);
  const { responses } = await connections.call(
    leader,
    channel,
    request,
    null,
    batches,
    replicasMaxWaitMs,
  );
  return new Map(
    responses.flatMap(({ partitionResponses }) =>
      partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
    ),
  );
}

/** The partition's followers have not acknowledged in time. */
const REQUEST_TIMED_OUT = 7;
/** For a partition that is missing in the answer. */
const UNKNOWN_SERVER_ERROR = -1;
