import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import {
  createTransactionalProducer,
  type TransactionalProducer,
} from "@fiberstream/kafka/transactions/transactional-producer";
import type { DeadLetterAccess } from "./dead-letter-access.ts";
import {
  type DeadLetter,
  isAfter,
  type DeadLetterFilter,
  matches,
  originOf,
  readDeadLetter,
  replayOf,
} from "./dead-letters.ts";

export type ReplayOptions = {
  readonly filter: DeadLetterFilter;
  readonly dryRun: boolean;
  /** How many to replay at most; undefined: all. */
  readonly limit: number | undefined;
  /** Records per second; undefined: without a limit. */
  readonly rate: number | undefined;
  /** Dead letters that were already replayed so often are skipped. */
  readonly maxReplays: number;
  /** Ignores the progress of an earlier replay with the same filter. */
  readonly fromStart: boolean;
  readonly onProgress: (progress: { done: number; processed: bigint; total: bigint }) => void;
  readonly stopping: AbortSignal;
};

export type ReplayResult = {
  replayed: number;
  /** Skipped: replayed too often before. */
  quarantined: number;
  /** Skipped: the same record again. */
  doubles: number;
  /** Skipped: the dead letter has only the beginning of the record. */
  cut: number;
};

const RECORDS_PER_TRANSACTION = 500;

/**
 * Sends dead letters back to their original topics. The records and the progress of the replay are committed in
 * one transaction, so an interrupted replay resumes where it stopped, and nothing is sent twice. The progress is
 * stored for each filter, as the offsets of a group named after it.
 */
export async function replayDeadLetters(
  access: DeadLetterAccess,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const { kafka, reader, topic, namespace } = access;
  const { dryRun, fromStart, stopping } = options;
  const groupId = `${namespace}dlq-replay-${nameOf(options)}`;
  const offsets = await connectGroupOffsets({ kafka, groupId, topic });
  const producer = createTransactionalProducer({ kafka, transactionalId: groupId });
  const selection = createSelection(options);
  const { result } = selection;
  const rateLimit = createRateLimit(options.rate);
  try {
    const offsetRanges = await reader.ranges(topic);
    const total = offsetRanges.reduce((sum, { from, until }) => sum + until - from, 0n);
    let processed = 0n;
    for (const offsetRange of offsetRanges) {
      const { partition } = offsetRange;
      const committed = fromStart ? undefined : (await offsets.committed(partition))?.offset;
      const from =
        committed !== undefined && committed > offsetRange.from ? committed : offsetRange.from;
      processed += from - offsetRange.from;
      for await (const records of reader.read(topic, { ...offsetRange, from })) {
        for (const chunk of chunksOf(records, rateLimit.chunkSize)) {
          if (selection.isFull() || stopping.aborted) return result;
          const deadLetters = chunk.map((record) => readDeadLetter(partition, record));
          const { chosen, nextOffset } = selection.selectFrom(deadLetters);
          if (!dryRun && nextOffset !== undefined) {
            await sendAndCommit(producer, chosen, { groupId, topic, partition, nextOffset });
          }
          result.replayed += chosen.length;
          processed += BigInt(chunk.length);
          options.onProgress({ done: result.replayed, processed, total });
          await rateLimit.wait(chosen.length, stopping);
        }
      }
    }
    return result;
  } finally {
    await producer.close();
    await offsets.close();
  }
}

/** Selects from dead letters in order, and returns the offset up to which the selection is final. */
function createSelection({ filter, limit = Infinity, maxReplays }: ReplayOptions) {
  const result: ReplayResult = { replayed: 0, quarantined: 0, doubles: 0, cut: 0 };
  const seen = new Set<string>();

  const isWanted = (deadLetter: DeadLetter): boolean => {
    if (!matches(deadLetter, filter)) return false;
    if (deadLetter.replays >= maxReplays) {
      result.quarantined++;
      return false;
    }
    if (seen.has(originOf(deadLetter))) {
      result.doubles++;
      return false;
    }
    seen.add(originOf(deadLetter));
    if (deadLetter.cutFromBytes !== undefined) {
      result.cut++;
      return false;
    }
    return true;
  };

  return {
    result,
    isFull: () => result.replayed >= limit,
    selectFrom: (deadLetters: readonly DeadLetter[]) => {
      const chosen: DeadLetter[] = [];
      let nextOffset: bigint | undefined;
      for (const deadLetter of deadLetters) {
        // A later replay may want these.
        if (isAfter(deadLetter, filter) || result.replayed + chosen.length >= limit) break;
        if (isWanted(deadLetter)) chosen.push(deadLetter);
        nextOffset = BigInt(deadLetter.offset) + 1n;
      }
      return { chosen, nextOffset };
    },
  };
}

async function sendAndCommit(
  producer: TransactionalProducer,
  deadLetters: readonly DeadLetter[],
  {
    groupId,
    topic,
    ...position
  }: { groupId: string; topic: string; partition: number; nextOffset: bigint },
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
function nameOf({ filter, maxReplays }: ReplayOptions): string {
  const { class: failureClass, topic, partition, key, since, until } = filter;
  const parts = [failureClass, topic, partition, key, since?.text, until?.text, maxReplays];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
}
