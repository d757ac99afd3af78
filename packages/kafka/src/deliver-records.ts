import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import type { Codec } from "./batch-compression.ts";
import { type Cluster, kafkajsFile, type PartitionMetadata } from "./kafkajs-cluster.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import { partitionOfKey } from "./murmur2.ts";
import { type PartitionBatch, type ProduceAnswer, produceRequest } from "./produce-request.ts";
import { mostBytesOf, writeRecordBatch } from "./record-batch-writer.ts";
import type { OutgoingRecord } from "./records.ts";

/** What became of a record: undefined when all in-sync replicas have it. */
export type Failure = ReturnType<typeof kafkaFailure> | undefined;

/** The second try finds a leader that has moved, or a broker that has closed an idle connection. */
const TRIES = 3;
const FIRST_PAUSE_MS = 50;
const RENEW_MAX_WAIT_MS = 300;
/** Below the 1 MB that brokers take of one batch by default; a record that is larger goes alone. */
const BATCH_BYTES = 900_000;

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
  cluster: Cluster,
  topic: string,
  records: readonly OutgoingRecord[],
  compression: Codec = "none",
): Promise<Failure[]> {
  const failures: Failure[] = Array.from({ length: records.length });
  let left = records.map((_, index) => index);
  for (let tries = 1; left.length > 0; tries++) {
    const failed = await tryOnce({ cluster, topic, records, compression }, left);
    for (const index of left) failures[index] = failed.get(index);
    left = left.filter((index) => failures[index] instanceof TransientError);
    if (left.length === 0 || tries === TRIES) break;
    await delay(FIRST_PAUSE_MS * tries);
    await renewConnections(cluster);
  }
  return failures;
}

type Delivery = {
  readonly cluster: Cluster;
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly compression: Codec;
};

/** @returns the failures by record */
async function tryOnce(what: Delivery, indexes: readonly number[]): Promise<Map<number, Failure>> {
  const { cluster, topic, records } = what;
  const failed = new Map<number, Failure>();
  /** What comes later in them has to wait for the next try. */
  const failedPartitions = new Map<number, Failure>();
  const failAll = (parts: readonly Part[], failure: Failure) => {
    for (const { partition, rows } of parts) {
      failedPartitions.set(partition, failure);
      for (const index of rows) failed.set(index, failure);
    }
  };
  let parts: Part[] = [];
  try {
    await cluster.addTargetTopic(topic);
    await cluster.refreshMetadataIfNecessary();
    const metadata = cluster.findTopicPartitionMetadata(topic);
    if (metadata.length === 0)
      throw new TransientError("kafka", `nothing is known of ${topic} yet`);
    parts = partsOf(metadata, records, indexes);
  } catch (error) {
    const failure = kafkaFailure(error);
    return new Map(indexes.map((index) => [index, failure]));
  }
  const sendPortion = async (leader: number, portion: readonly Part[]) => {
    const sent: Part[] = [];
    for (const part of portion) {
      const before = failedPartitions.get(part.partition);
      if (before === undefined) sent.push(part);
      else failAll([part], before);
    }
    if (sent.length === 0) return;
    try {
      if (leader < 0) throw errorOf(LEADER_NOT_AVAILABLE);
      const answers = await produce(what, leader, sent);
      for (const part of sent) {
        const code = answers.get(part.partition) ?? UNKNOWN_SERVER_ERROR;
        if (code !== 0) failAll([part], kafkaFailure(errorOf(code)));
      }
    } catch (error) {
      failAll(sent, kafkaFailure(error));
    }
  };
  const sends = [...Map.groupBy(parts, ({ leader }) => leader)].map(async ([leader, some]) => {
    for (const portion of portionsOf(some, records)) await sendPortion(leader, portion);
  });
  await Promise.all(sends);
  return failed;
}

/** Records of one partition, by their indexes. */
type Part = {
  readonly partition: number;
  readonly leader: number;
  readonly rows: readonly number[];
};

/** Records without a key go to the partitions in turn. */
let keyless = 0;

function partsOf(
  metadata: readonly PartitionMetadata[],
  records: readonly OutgoingRecord[],
  indexes: readonly number[],
): Part[] {
  const leaders = new Map(metadata.map(({ partitionId, leader }) => [partitionId, leader]));
  const byPartition = Map.groupBy(indexes, (index) => {
    const key = records[index]?.key ?? null;
    if (key === null) return keyless++ % metadata.length;
    const bytes = typeof key === "string" ? Buffer.from(key) : key;
    return partitionOfKey(bytes, metadata.length);
  });
  return [...byPartition].map(([partition, rows]) => ({
    partition,
    leader: leaders.get(partition) ?? -1,
    rows,
  }));
}

/** One request after the other: each has at most one batch of a partition, of bounded size. */
function portionsOf(parts: readonly Part[], records: readonly OutgoingRecord[]): Part[][] {
  const portions: Part[][] = [];
  for (const part of parts) {
    let portion = 0;
    let begin = 0;
    let bytes = 0;
    const cut = (to: number) => {
      (portions[portion++] ??= []).push({ ...part, rows: part.rows.slice(begin, to) });
      begin = to;
      bytes = 0;
    };
    for (const [at, index] of part.rows.entries()) {
      const record = records[index];
      const more = record === undefined ? 0 : mostBytesOf(record);
      if (bytes + more > BATCH_BYTES && at > begin) cut(at);
      bytes += more;
    }
    cut(part.rows.length);
  }
  return portions;
}

/** @returns each partition's error code, 0 for none */
async function produce(
  { cluster, topic, records, compression }: Delivery,
  leader: number,
  parts: readonly Part[],
): Promise<Map<number, number>> {
  const nowMs = Date.now();
  const batches: PartitionBatch[] = parts.map(({ partition, rows }) => {
    const some = rows.map((index) => records[index]).filter((record) => record !== undefined);
    return { topic, partition, batch: writeRecordBatch(some, undefined, nowMs, compression) };
  });
  const broker = await cluster.findBroker({ nodeId: leader });
  const request = produceRequest(null, batches, "given");
  const { topics } = (await broker.connectionPool.send(request)) as ProduceAnswer;
  return new Map(
    topics.flatMap(({ partitions }) =>
      partitions.map(({ partition, errorCode }) => [partition, errorCode]),
    ),
  );
}

/**
 * Asks for the leaders again. kafkajs tries to connect for seconds; the next try does not wait for all
 * of that, and it is the one to report a failure.
 */
async function renewConnections(cluster: Cluster): Promise<void> {
  const renew = async () => {
    if (!cluster.isConnected()) await cluster.connect();
    await cluster.refreshMetadata();
  };
  await Promise.race([renew().catch(() => undefined), delay(RENEW_MAX_WAIT_MS)]);
}

/** What a partition that is missing from the answer counts as. */
const UNKNOWN_SERVER_ERROR = -1;
const LEADER_NOT_AVAILABLE = 5;
const { createErrorFromCode: errorOf } = kafkajsFile("kafkajs/src/protocol/error") as {
  createErrorFromCode: (code: number) => Error;
};
