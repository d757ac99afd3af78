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
  /** The most to replay; undefined: all. */
  readonly limit: number | undefined;
  /** Records a second; undefined: as fast as Kafka takes them. */
  readonly rate: number | undefined;
  /** Those replayed so often already stay where they are. */
  readonly maxReplays: number;
  /** Forget what an earlier replay with the same filter has done. */
  readonly fromStart: boolean;
  readonly onProgress: (progress: { done: number; looked: bigint; of: bigint }) => void;
  readonly stopping: AbortSignal;
};

export type ReplayResult = {
  replayed: number;
  /** Left out: replayed too often before. */
  quarantined: number;
  /** Left out: the same record once more. */
  doubles: number;
  /** Left out: only the beginning of the record is here. */
  cut: number;
};

const RECORDS_PER_TRANSACTION = 500;

/**
 * Sends dead letters back to where they stood. Records and how far the replay is are committed in one
 * transaction, so a replay that was interrupted goes on where it was, and nothing is sent twice. How far is
 * kept for each filter: a group named for it.
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
  const choice = createChoice(options);
  const { result } = choice;
  const pace = createPace(options.rate);
  try {
    const stretches = await reader.ranges(topic);
    const of = stretches.reduce((sum, { from, until }) => sum + until - from, 0n);
    let looked = 0n;
    for (const stretch of stretches) {
      const { partition } = stretch;
      const committed = fromStart ? undefined : (await offsets.committed(partition))?.offset;
      const from = committed !== undefined && committed > stretch.from ? committed : stretch.from;
      looked += from - stretch.from;
      for await (const records of reader.read(topic, { ...stretch, from })) {
        for (const portion of portionsOf(records, pace.portion)) {
          if (choice.isFull() || stopping.aborted) return result;
          const deadLetters = portion.map((record) => readDeadLetter(partition, record));
          const { chosen, nextOffset } = choice.of(deadLetters);
          if (!dryRun && nextOffset !== undefined) {
            await sendBack(producer, chosen, { groupId, topic, partition, nextOffset });
          }
          result.replayed += chosen.length;
          looked += BigInt(portion.length);
          options.onProgress({ done: result.replayed, looked, of });
          await pace.wait(chosen.length, stopping);
        }
      }
    }
    return result;
  } finally {
    await producer.close();
    await offsets.close();
  }
}

/** Chooses from dead letters in order, and says how far it has looked for good. */
function createChoice({ filter, limit = Infinity, maxReplays }: ReplayOptions) {
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
    of: (deadLetters: readonly DeadLetter[]) => {
      const chosen: DeadLetter[] = [];
      let nextOffset: bigint | undefined;
      for (const deadLetter of deadLetters) {
        // What is dead-lettered later may be wanted later.
        if (isAfter(deadLetter, filter) || result.replayed + chosen.length >= limit) break;
        if (isWanted(deadLetter)) chosen.push(deadLetter);
        nextOffset = BigInt(deadLetter.offset) + 1n;
      }
      return { chosen, nextOffset };
    },
  };
}

async function sendBack(
  producer: TransactionalProducer,
  deadLetters: readonly DeadLetter[],
  {
    groupId,
    topic,
    ...position
  }: { groupId: string; topic: string; partition: number; nextOffset: bigint },
): Promise<void> {
  const places = Map.groupBy(deadLetters, ({ origin }) => `${origin.partition} ${origin.topic}`);
  const batches = [...places.values()].map((some) => ({
    topic: some[0]?.origin.topic ?? "",
    partition: some[0]?.origin.partition ?? 0,
    records: some.map((deadLetter): OutgoingRecord => replayOf(deadLetter)),
  }));
  await producer.transaction(async (transaction) => {
    await transaction.send(batches);
    await transaction.commitOffsets({ groupId, topic, partitions: [position] });
  });
}

function* portionsOf<T>(records: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size);
}

/** Keeps to a rate over the whole replay, by portions of at most a second. */
function createPace(rate: number | undefined) {
  const begunMs = performance.now();
  let sent = 0;
  return {
    portion: Math.min(RECORDS_PER_TRANSACTION, rate ?? RECORDS_PER_TRANSACTION),
    wait: async (records: number, stopping: AbortSignal) => {
      sent += records;
      if (rate === undefined) return;
      const dueMs = begunMs + (sent / rate) * 1_000 - performance.now();
      if (dueMs > 0) await delay(dueMs, undefined, { signal: stopping }).catch(() => undefined);
    },
  };
}

/** The same for the same filter as it was written: "6h" is another time at each run. */
function nameOf({ filter, maxReplays }: ReplayOptions): string {
  const { class: failureClass, topic, partition, key, since, until } = filter;
  const parts = [failureClass, topic, partition, key, since?.text, until?.text, maxReplays];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
}
