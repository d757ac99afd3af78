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

/** What became of a record: undefined when all in-sync replicas have it. */
export type Failure = ReturnType<typeof kafkaFailure> | undefined;

/** Where records go, and how. */
export type Delivering = {
  readonly connections: Pick<Connections, "call">;
  readonly leaders: KnownLeaders;
  readonly compression?: Codec;
  /** How long a leader may take for its answer. No try is begun later than half of it. */
  readonly answerMaxWaitMs: number;
};

/** The second try finds a leader that has moved, or a broker that has closed an idle connection. */
const TRIES = 3;
const FIRST_PAUSE_MS = 50;
/** The next try is the one to report a failure, whoever leads. */
const LEADERS_MAX_WAIT_MS = 300;
/** A leader whose replicas are silent says so itself before it is taken for silent. */
const REPLICAS_SHARE = 0.8;

/**
 * Sends records, each partition for itself: what fails in one of them costs only its own records a second
 * try, and in the end only they have failed. Keys go to the partitions that Kafka's own clients choose.
 *
 * A partition's records come into its log in the order given (`deliver-records.int.test.ts`): what stands
 * behind a failed record of its partition is not sent before that one is through, and fails with it for
 * good. So whoever sends again what has failed puts nothing behind what was accepted after it. Only the
 * order within one call is kept: two calls at the same time may overtake each other.
 *
 * @returns a failure for each record, in order. Never rejects
 */
export async function deliverRecords(
  how: Delivering,
  topic: string,
  records: readonly OutgoingRecord[],
): Promise<Failure[]> {
  const failures: Failure[] = Array.from({ length: records.length });
  const lastTryAtMs = performance.now() + how.answerMaxWaitMs / 2;
  let left = records.map((_, index) => index);
  for (let tries = 1; left.length > 0; tries++) {
    const failed = await tryOnce({ ...how, topic, records }, left);
    for (const index of left) failures[index] = failed.get(index);
    left = left.filter((index) => failures[index] instanceof TransientError);
    if (left.length === 0) break;
    const doubted = how.leaders.doubt(topic);
    if (tries === TRIES || performance.now() > lastTryAtMs) break;
    await delay(FIRST_PAUSE_MS * tries);
    await Promise.race([doubted, delay(LEADERS_MAX_WAIT_MS)]);
  }
  return failures;
}

type Delivery = Delivering & {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
};

/** @returns the failures by record */
async function tryOnce(what: Delivery, indexes: readonly number[]): Promise<Map<number, Failure>> {
  const { topic, records, leaders } = what;
  const failed = new Map<number, Failure>();
  /** What comes later in them has to wait for the next try. */
  const failedPartitions = new Map<number, Failure>();
  const failAll = (parts: readonly PartitionRecords[], failure: Failure) => {
    for (const { partition, rows } of parts) {
      failedPartitions.set(partition, failure);
      for (const index of rows) failed.set(index, failure);
    }
  };
  let parts: PartitionRecords[] = [];
  try {
    const known = await leaders.of(topic);
    if (known.partitions === 0)
      throw new TransientError("kafka", `nothing is known of ${topic} yet`);
    parts = partsOf(known, records, indexes);
  } catch (error) {
    const failure = kafkaFailure(error);
    return new Map(indexes.map((index) => [index, failure]));
  }
  const sendRequest = async (wanted: readonly PartitionRecords[]) => {
    const sent: PartitionRecords[] = [];
    for (const part of wanted) {
      const before = failedPartitions.get(part.partition);
      if (before === undefined) sent.push(part);
      else failAll([part], before);
    }
    const [first] = sent;
    if (first === undefined) return;
    const { leader, channel } = first;
    try {
      if (leader === undefined) {
        throw new BrokerAnswerError("LEADER_NOT_AVAILABLE", `${topic} lacks a leader`);
      }
      const answers = await produce(what, leader, channel, sent);
      for (const part of sent) {
        const { partition } = part;
        const code = answers.get(partition) ?? UNKNOWN_SERVER_ERROR;
        leaders.waits(topic, partition, code === REQUEST_TIMED_OUT);
        try {
          throwIfFailed(code, `partition ${partition} of ${topic}`);
        } catch (error) {
          failAll([part], kafkaFailure(error));
        }
      }
    } catch (error) {
      failAll(sent, kafkaFailure(error));
    }
  };
  const byConnection = Map.groupBy(
    parts,
    ({ leader, channel }) => leader && [nameOf(leader), channel].join(" "),
  );
  const sends = [...byConnection.values()].map(async (some) => {
    for (const request of requestsOf(some, records)) await sendRequest(request);
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

function partsOf(
  { partitions, addressOf, channelOf }: TopicLeaders,
  records: readonly OutgoingRecord[],
  indexes: readonly number[],
): PartitionRecords[] {
  const byPartition = Map.groupBy(indexes, (index) =>
    partitionFor(records[index]?.key ?? null, partitions),
  );
  return [...byPartition].map(([partition, rows]) => ({
    partition,
    leader: addressOf(partition),
    channel: channelOf(partition),
    rows,
  }));
}

/** One request after the other: each has at most one batch of a partition, of bounded size. */
function requestsOf(
  parts: readonly PartitionRecords[],
  records: readonly OutgoingRecord[],
): PartitionRecords[][] {
  const requests: PartitionRecords[][] = [];
  for (const part of parts) {
    const chunks = splitBySize(part.rows, (index) => records[index], BATCH_BYTES);
    for (const [at, { items }] of chunks.entries()) {
      (requests[at] ??= []).push({ ...part, rows: items });
    }
  }
  return requests;
}

/** @returns each partition's error code, 0 for none */
async function produce(
  { connections, topic, records, compression, answerMaxWaitMs }: Delivery,
  leader: BrokerAddress,
  channel: string,
  parts: readonly PartitionRecords[],
): Promise<Map<number, number>> {
  const nowMs = Date.now();
  const batches: PartitionBatch[] = parts.map(({ partition, rows }) => {
    const some = rows.map((index) => records[index]).filter((record) => record !== undefined);
    return { topic, partition, batch: writeRecordBatch(some, undefined, nowMs, compression) };
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

/** Its followers have not acknowledged in time. */
const REQUEST_TIMED_OUT = 7;
/** What a partition that is missing from the answer counts as. */
const UNKNOWN_SERVER_ERROR = -1;
