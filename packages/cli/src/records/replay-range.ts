import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { IncomingRecord, OutgoingRecord } from "@fiberstream/kafka/records";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createTransactionalProducer } from "@fiberstream/kafka/transactions/transactional-producer";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { createSeeing, lookIn } from "./decoded-record.ts";
import { isWithin, lengthOf, stretchesOf, type TimeRange } from "../options/time-range.ts";
import type { NamedTopic, TopicAccess } from "./topic-access.ts";
import type { Condition } from "../where/where-values.ts";

export type RangeOptions = {
  readonly range: TimeRange;
  /** Undefined: all of the range; nothing is decoded then. */
  readonly where: { readonly text: string; readonly isWanted: Condition } | undefined;
  readonly dryRun: boolean;
  /** The most to copy in this run; undefined: all. */
  readonly limit: number | undefined;
  /** Forget what an earlier run of the same copy has done. */
  readonly fromStart: boolean;
  readonly onProgress: (progress: { copied: number; looked: number; of: number }) => void;
  readonly stopping: AbortSignal;
};

export type RangeResult = {
  copied: number;
  /** Records that an earlier run of the same copy has looked at. */
  done: number;
};

const RECORDS_PER_TRANSACTION = 500;

/**
 * Copies the committed records of a time range to another topic: key, bytes, timestamp and headers stay
 * as they were, and headers say where each stood. Records and how far the copy is are committed in one
 * transaction, so that an interrupted copy goes on where it was and a finished one copies nothing when it is
 * run again. How far is kept in a group named for topics, range and condition.
 *
 * @throws {TransientError} @throws {FatalError} @throws {Error} when a topic is missing
 */
export async function replayRange(
  access: Pick<TopicAccess, "kafka" | "registry" | "namespace">,
  topics: { readonly source: NamedTopic; readonly into: string },
  options: RangeOptions,
): Promise<RangeResult> {
  const { kafka, registry, namespace } = access;
  const { source, into } = topics;
  const { topic } = source;
  const { range, where, dryRun, fromStart, stopping, limit = Infinity } = options;
  const groupId = `${namespace}replay-range-${nameOf(topic, into, options)}`;
  const stretches = await stretchesOf(kafka, topic, range);
  const see = createSeeing({ registry, catalogueName: source.catalogueName });
  const isWanted = async (partition: number, record: IncomingRecord) =>
    isWithin(range, record.timestamp) &&
    (where === undefined || where.isWanted(lookIn(await see(partition, record))));

  const result: RangeResult = { copied: 0, done: 0 };
  const of = lengthOf(stretches);
  let looked = 0;
  const reader = await connectTopicReader({ kafka });
  const offsets = await connectGroupOffsets({ kafka, groupId, topic });
  const producer = createTransactionalProducer({ kafka, transactionalId: groupId });
  try {
    for (const stretch of stretches) {
      const { partition } = stretch;
      const from = await startOf(stretch, fromStart, offsets);
      result.done += Number(from - stretch.from);
      looked += Number(from - stretch.from);
      for await (const records of reader.read(topic, { ...stretch, from })) {
        for (let at = 0; at < records.length; at += RECORDS_PER_TRANSACTION) {
          if (stopping.aborted) return result;
          const chosen: OutgoingRecord[] = [];
          let nextOffset: bigint | undefined;
          for (const record of records.slice(at, at + RECORDS_PER_TRANSACTION)) {
            if (result.copied + chosen.length >= limit) break;
            if (await isWanted(partition, record)) chosen.push(copyOf(topic, partition, record));
            nextOffset = BigInt(record.offset) + 1n;
            looked++;
          }
          if (nextOffset === undefined) return result;
          const moved = { groupId, topic, partitions: [{ partition, nextOffset }] };
          if (!dryRun) {
            await producer.transaction(async (transaction) => {
              // To the partition of the same number where there is one: a node's records keep their order.
              await transaction.send([{ topic: into, partition, records: chosen }]);
              await transaction.commitOffsets(moved);
            });
          }
          result.copied += chosen.length;
          options.onProgress({ copied: result.copied, looked, of });
        }
      }
    }
    return result;
  } finally {
    await producer.close();
    await offsets.close();
    await reader.close();
  }
}

async function startOf(
  { partition, from, until }: { partition: number; from: bigint; until: bigint },
  fromStart: boolean,
  offsets: Awaited<ReturnType<typeof connectGroupOffsets>>,
): Promise<bigint> {
  const committed = fromStart
    ? undefined
    : (await patiently(() => offsets.committed(partition)))?.offset;
  if (committed === undefined || committed < from) return from;
  return committed < until ? committed : until;
}

/** A group's coordinator may be about to take over, as it does at a cluster's first group. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES || !(error instanceof TransientError)) throw error;
      await delay(retryDelayMs(tries));
    }
  }
}

const TRIES = 6;

const copyOf = (topic: string, partition: number, record: IncomingRecord): OutgoingRecord => ({
  key: record.key,
  value: record.value,
  timestamp: record.timestamp,
  headers: {
    ...record.headers,
    "fiber.replay.topic": topic,
    "fiber.replay.partition": String(partition),
    "fiber.replay.offset": record.offset,
  },
});

function nameOf(topic: string, into: string, { range, where }: RangeOptions): string {
  const parts = [topic, into, range.fromMs, range.toMs, where?.text];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
}
