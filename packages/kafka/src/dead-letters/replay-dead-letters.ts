import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { FatalError } from "@fiberstream/runtime/errors";
import { isFenced } from "../errors/kafka-errors.ts";
import type { KafkaClient } from "../kafka.ts";
import type { OffsetRange } from "../reader/topic-reader.ts";
import type { IncomingRecord, OutgoingRecord } from "../records.ts";
import { topicIn } from "../topic-names.ts";
import {
  createTransactionalProducer,
  type TransactionalProducer,
} from "../transactions/transactional-producer.ts";
import {
  type DeadLetter,
  type DeadLetterFilter,
  readDeadLetter,
  replayOf,
} from "./dead-letters.ts";
import { rangesOf, startIn } from "./replay-ranges.ts";
import { connectReplayProgress, type PartitionProgress, writeMetadata } from "./replay-progress.ts";
import { createSelection, NO_COUNTS, type ReplayCounts, sumOf } from "./replay-selection.ts";

export type ReplayOptions = {
  readonly filter: DeadLetterFilter;
  /** Letters that failed at this time (ms since 1970) or later are left for the next replay with the filter. */
  readonly failedBefore?: number;
  /** Only letters for which it returns true; `name` says whose they are. */
  readonly owned?: {
    readonly name: string;
    readonly check: (deadLetters: readonly DeadLetter[]) => Promise<(one: DeadLetter) => boolean>;
  };
  readonly dryRun: boolean;
  /** How many to replay at most; undefined: all. */
  readonly limit: number | undefined;
  /** Records per second; undefined: without a limit. */
  readonly rate: number | undefined;
  /** Dead letters that were already replayed so often are skipped. */
  readonly maxReplays: number;
  /** Ignores the progress of earlier runs with the same filter. */
  readonly fromStart: boolean;
  /** Names this run. A run that resumes under its name also resumes its counts. */
  readonly run: string;
  readonly onProgress: (progress: {
    counts: ReplayCounts;
    /** How many were sent since the last call. */
    sent: number;
    processed: bigint;
    total: bigint;
  }) => void;
  readonly stopping: AbortSignal;
};

/** What a replay reads the dead-letter topic with. */
type LetterReader = {
  readonly ranges: (topic: string) => Promise<readonly OffsetRange[]>;
  readonly read: (topic: string, range: OffsetRange) => AsyncIterable<readonly IncomingRecord[]>;
};

/** Another run with the same filter began. */
export class ReplayTakenOverError extends FatalError {}

const RECORDS_PER_TRANSACTION = 500;

/**
 * Sends dead letters back to their original topics. The records and the progress of the replay are committed in
 * one transaction, so an interrupted replay resumes where it stopped, and nothing is sent twice. The progress is
 * stored for each filter, as the offsets of a group named after it. A run takes over from another one with the same filter,
 * which then fails.
 *
 * @param access.reader reads the dead-letter topic
 * @returns the counts of this run; after `stopping` those so far
 * @throws {ReplayTakenOverError}
 * @throws {TransientError} nothing is lost: run it again
 * @throws {FatalError}
 */
export async function replayDeadLetters(
  access: {
    readonly kafka: KafkaClient;
    readonly namespace: string;
    readonly topic: string;
    readonly reader: LetterReader;
  },
  options: ReplayOptions,
): Promise<ReplayCounts> {
  const { kafka, reader, topic, namespace } = access;
  const { dryRun, stopping, run, limit = Infinity } = options;
  const groupId = `${namespace}dlq-replay-${nameOf(options)}`;
  const progress = connectReplayProgress({ kafka, groupId, topic });
  const producer = createTransactionalProducer({ kafka, transactionalId: groupId });
  const selection = createSelection({ ...options, sources: sourcesIn(namespace) });
  const rateLimit = createRateLimit(options.rate);
  const readLetters = async function* lettersIn(offsetRange: OffsetRange) {
    for await (const records of reader.read(topic, offsetRange)) {
      const letters = records.map((record) => readDeadLetter(offsetRange.partition, record));
      const isOwn = (await options.owned?.check(letters)) ?? (() => true);
      for (const chunk of chunksOf(letters, rateLimit.chunkSize)) yield { letters: chunk, isOwn };
    }
  };
  try {
    // Whoever was killed in the middle of a transaction moves no offset after this.
    if (!dryRun) await producer.fence();
    const ranges = rangesOf(await reader.ranges(topic), options.filter);
    const known = await progress.read([...new Set(ranges.map(({ partition }) => partition))]);
    const byPartition = countsOf(run, known);
    let counts = [...byPartition.values()].reduce(sumOf, NO_COUNTS);
    const total = ranges.reduce((sum, { from, until }) => sum + until - from, 0n);
    let processed = 0n;
    for (const range of ranges) {
      const { partition, until } = range;
      const { from, passedFrom } = startIn(range, known.get(partition), options);
      // A letter that was written twice may be on both sides of the place where a run was interrupted.
      for await (const { letters, isOwn } of readLetters({
        partition,
        from: passedFrom,
        until: from,
      }))
        selection.passOver(letters, isOwn);
      processed += from - range.from;
      for await (const { letters, isOwn } of readLetters({ partition, from, until })) {
        const left = limit - counts.replayed;
        if (left <= 0 || stopping.aborted) return counts;
        const selected = selection.selectFrom(letters, isOwn, left);
        const ofPartition = sumOf(byPartition.get(partition) ?? NO_COUNTS, selected.counts);
        const { nextOffset } = selected;
        if (!dryRun && nextOffset !== undefined) {
          const position = { partition, nextOffset, metadata: writeMetadata(run, ofPartition) };
          await sendAndCommit(producer, selected.chosen, { groupId, topic, position });
        }
        byPartition.set(partition, ofPartition);
        counts = sumOf(counts, selected.counts);
        processed += BigInt(letters.length);
        options.onProgress({ counts, sent: selected.chosen.length, processed, total });
        await rateLimit.wait(selected.chosen.length, stopping);
      }
    }
    return counts;
  } catch (error) {
    if (!isFenced(error)) throw error;
    throw new ReplayTakenOverError(
      "another replay with the same filter has taken over",
      "It resumes where this one stopped; look at the console's jobs and at other terminals",
      { cause: error },
    );
  } finally {
    await producer.close();
    await progress.close();
  }
}

/** The topics whose consumers write dead letters. */
const sourcesIn = (namespace: string): readonly string[] => [
  topicIn(namespace, "probe.metrics.raw"),
  topicIn(namespace, "probe.metrics.enriched"),
];

/** Returns what a run of this name has counted before it was interrupted. */
const countsOf = (run: string, known: ReadonlyMap<number, PartitionProgress>) =>
  new Map(
    [...known].flatMap(([partition, { by }]) =>
      by?.run === run ? [[partition, by.counts] as const] : [],
    ),
  );

async function sendAndCommit(
  producer: TransactionalProducer,
  deadLetters: readonly DeadLetter[],
  { groupId, topic, position }: { groupId: string; topic: string; position: Position },
): Promise<void> {
  const byPartition = Map.groupBy(
    deadLetters,
    ({ origin }) => `${origin.partition} ${origin.topic}`,
  );
  const batches = [...byPartition.values()].map((group) => ({
    topic: group[0]?.origin.topic ?? "",
    partition: group[0]?.origin.partition ?? 0,
    records: group.map((deadLetter): OutgoingRecord => replayOf(deadLetter)),
  }));
  await producer.transaction(async (transaction) => {
    await transaction.send(batches);
    await transaction.commitOffsets({ groupId, topic, partitions: [position] });
  });
}

type Position = {
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly metadata: string;
};

function* chunksOf<T>(records: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size);
}

/** Limits the rate over the whole replay. The chunks are those of a second at most. */
function createRateLimit(rate: number | undefined) {
  const begunMs = performance.now();
  let sent = 0;
  return {
    chunkSize: Math.min(RECORDS_PER_TRANSACTION, rate ?? RECORDS_PER_TRANSACTION),
    wait: async (records: number, stopping: AbortSignal) => {
      sent += records;
      if (rate === undefined) return;
      const dueMs = begunMs + (sent / rate) * 1_000 - performance.now();
      if (dueMs > 0) await delay(dueMs, undefined, { signal: stopping }).catch(() => undefined);
    },
  };
}

/** Returns the same name for the same text of a filter: "6h" is another time at each run. */
function nameOf({ filter, maxReplays, owned }: ReplayOptions): string {
  const { class: failureClass, topic, partition, key, since, until, stage, letters } = filter;
  const parts: unknown[] = [
    failureClass,
    topic,
    partition,
    key,
    since?.text,
    until?.text,
    maxReplays,
  ];
  // Only if they are given, so that filters of earlier versions keep their names.
  if (stage !== undefined) parts.push({ stage });
  if (letters !== undefined) parts.push({ letters });
  if (owned !== undefined) parts.push({ owned: owned.name });
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
}
