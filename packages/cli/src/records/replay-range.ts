import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { IncomingRecord, OutgoingRecord } from "@fiberstream/kafka/records";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createTransactionalProducer } from "@fiberstream/kafka/transactions/transactional-producer";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { createRecordReader, fieldLookup } from "./decoded-record.ts";
import { isWithin, lengthOf, offsetRangesOf, type TimeRange } from "../options/time-range.ts";
import type { NamedTopic, TopicAccess } from "./topic-access.ts";
import type { Condition } from "@fiberstream/conditions/where-values";

export type RangeOptions = {
  readonly range: TimeRange;
  /** Undefined: the whole range, without decoding it. */
  readonly where: { readonly text: string; readonly isWanted: Condition } | undefined;
  readonly dryRun: boolean;
  /** How many to copy in this run at most; undefined: all. */
  readonly limit: number | undefined;
  /** Ignores the progress of an earlier run of the same copy. */
  readonly fromStart: boolean;
  readonly onProgress: (progress: { copied: number; processed: number; total: number }) => void;
  readonly stopping: AbortSignal;
};

export type RangeResult = {
  copied: number;
  /** Records that an earlier run of the same copy has processed. */
  done: number;
};

const RECORDS_PER_TRANSACTION = 500;

/**
 * Copies the committed records of a time range to another topic. Key, value, timestamp and headers are unchanged;
 * added headers name the original position. The records and the progress are committed in one transaction, so an
 * interrupted copy resumes where it stopped, and a finished one copies nothing when it is run again. The progress
 * is stored as the offsets of a group named after the topics, the range and the condition.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when a topic is missing
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
  const offsetRanges = await offsetRangesOf(kafka, topic, range);
  const decodeRecord = createRecordReader({ registry, catalogueName: source.catalogueName });
  const isWanted = async (partition: number, record: IncomingRecord) =>
    isWithin(range, record.timestamp) &&
    (where === undefined || where.isWanted(fieldLookup(await decodeRecord(partition, record))));

  const result: RangeResult = { copied: 0, done: 0 };
  const total = lengthOf(offsetRanges);
  let processed = 0;
  const reader = await connectTopicReader({ kafka });
  const offsets = await connectGroupOffsets({ kafka, groupId, topic });
  const producer = createTransactionalProducer({ kafka, transactionalId: groupId });
  try {
    for (const offsetRange of offsetRanges) {
      const { partition } = offsetRange;
      const from = await startOf(offsetRange, fromStart, offsets);
      result.done += Number(from - offsetRange.from);
      processed += Number(from - offsetRange.from);
      for await (const records of reader.read(topic, { ...offsetRange, from })) {
        for (let at = 0; at < records.length; at += RECORDS_PER_TRANSACTION) {
          if (stopping.aborted) return result;
          const chosen: OutgoingRecord[] = [];
          let nextOffset: bigint | undefined;
          for (const record of records.slice(at, at + RECORDS_PER_TRANSACTION)) {
            if (result.copied + chosen.length >= limit) break;
            if (await isWanted(partition, record)) chosen.push(copyOf(topic, partition, record));
            nextOffset = BigInt(record.offset) + 1n;
            processed++;
          }
          if (nextOffset === undefined) return result;
          const moved = { groupId, topic, partitions: [{ partition, nextOffset }] };
          if (!dryRun) {
            await producer.transaction(async (transaction) => {
              // To the partition of the same number, if it exists, so that the records of a node keep their order.
              await transaction.send([{ topic: into, partition, records: chosen }]);
              await transaction.commitOffsets(moved);
            });
          }
          result.copied += chosen.length;
          options.onProgress({ copied: result.copied, processed, total });
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
    : (await withRetries(() => offsets.committed(partition)))?.offset;
  if (committed === undefined || committed < from) return from;
  return committed < until ? committed : until;
}

/** Retries while the group's coordinator is still starting, as it does at the first group of a cluster. */
async function withRetries<T>(call: () => Promise<T>): Promise<T> {
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
  const identity = [topic, into, range.fromMs, range.toMs, where?.text];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 8);
}
