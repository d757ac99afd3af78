import type { BoundedReader } from "@fiberstream/kafka/bounded-reader";
import { type DeadLetter, readDeadLetter } from "@fiberstream/kafka/dead-letters";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { OffsetRange } from "@fiberstream/kafka/topic-reader";
import { newestLetters, type Placed, type Rest, type SearchResult } from "./newest-letters.ts";

/** What a search may cost. */
const BUDGET = { ms: 2_000, bytes: 32 * 1_048_576, letters: 50_000 } as const;
/** A part with more is read in smaller parts. */
const MAX_BYTES_AT_ONCE = 4 * 1_048_576;
/** How far the times at which services say that records failed may be out of order within a partition. */
const DISORDER_MS = 60_000;

export type LetterSearch<Item> = {
  /** Returns what to keep of the letters of a part: those that are asked for, without their bytes. */
  readonly keep: (letters: readonly DeadLetter[]) => Promise<readonly Item[]>;
  readonly limit: number;
  /** Letters that failed before this time are not looked for. */
  readonly from: Date | undefined;
  /** Where an earlier search ended; undefined: at the newest letters. */
  readonly rest: readonly Rest[] | undefined;
  readonly stopping: AbortSignal;
};

export type LetterSource = {
  /**
   * Finds letters, the newest first, within a budget of time and bytes.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  readonly newest: <Item extends Placed>(search: LetterSearch<Item>) => Promise<SearchResult<Item>>;
  /** Returns the letter at a position; undefined: there is none (any more). */
  readonly at: (
    position: { partition: number; offset: bigint },
    stopping: AbortSignal,
  ) => Promise<DeadLetter | undefined>;
};

/** Reads the dead-letter topic. */
export function createLetterSource(options: {
  reader: BoundedReader;
  topic: string;
}): LetterSource {
  const { reader, topic } = options;

  const readChunk = async <Item>(
    range: OffsetRange,
    { keep, stopping }: Pick<LetterSearch<Item>, "keep" | "stopping">,
  ) => {
    const items: Item[] = [];
    let [bytes, count] = [0, 0];
    let oldestMs: number | undefined;
    for await (const records of reader.read(topic, range, stopping)) {
      bytes += records.reduce((sum, record) => sum + bytesOf(record), 0);
      if (bytes > MAX_BYTES_AT_ONCE && range.until - range.from > 1n) return undefined;
      const letters = records.map((record) => readDeadLetter(range.partition, record));
      count += letters.length;
      for (const letter of letters) oldestMs = Math.min(failedAtMs(letter), oldestMs ?? Infinity);
      items.push(...(await keep(letters)));
    }
    // Otherwise letters that were not read would count as looked at.
    stopping.throwIfAborted();
    return { items, oldestMs, bytes, letters: count };
  };

  return {
    newest: async (search) => {
      const { from, limit, rest, stopping } = search;
      const giveUpAtMs = performance.now() + BUDGET.ms;
      const ranges = await reader.ranges(topic, stopping);
      const begin = ({ partition, from: low, until }: OffsetRange): Rest & { low: bigint } => {
        if (rest === undefined) return { partition, low, before: until, boundMs: Infinity };
        const left = rest.find((one) => one.partition === partition);
        if (left === undefined) return { partition, low, before: low, boundMs: 0 };
        // Of a topic that was recreated, and has fewer records now, nothing beyond the end is read.
        const before = left.before > until ? until : left.before;
        return { partition, low, before, boundMs: left.boundMs };
      };
      return newestLetters({
        partitions: ranges.map(begin),
        limit,
        from: from === undefined ? -Infinity : from.getTime() - DISORDER_MS,
        readChunk: (range) => readChunk(range, search),
        isOver: ({ bytes, letters }) =>
          performance.now() > giveUpAtMs || bytes > BUDGET.bytes || letters > BUDGET.letters,
      });
    },

    at: async ({ partition, offset }, stopping) => {
      const ranges = await reader.ranges(topic, stopping);
      const range = ranges.find((one) => one.partition === partition);
      if (range === undefined || offset < range.from || offset >= range.until) return undefined;
      const wanted = { partition, from: offset, until: offset + 1n };
      for await (const [record] of reader.read(topic, wanted, stopping)) {
        if (record !== undefined) return readDeadLetter(partition, record);
      }
      stopping.throwIfAborted();
      return undefined;
    },
  };
}

/** When a letter failed, in ms since 1970; by its record's timestamp if it does not say. */
export function failedAtMs({ failedAt, record }: DeadLetter): number {
  const ms = Date.parse(failedAt);
  return Number.isNaN(ms) ? Number(record.timestamp) : ms;
}

function bytesOf({ key, value, headers = {} }: IncomingRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, header] of Object.entries(headers)) {
    bytes += name.length + (Array.isArray(header) ? header.join("").length : (header?.length ?? 0));
  }
  return bytes;
}
