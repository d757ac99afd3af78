import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { newestLetters, type Placed, type ReadChunk, type SearchResult } from "./newest-letters.ts";

type Letter = Placed & { readonly partition: number; readonly isWanted: boolean };

/** Partitions with letters at each second offset, as after transactions of one record. */
const topicOf = (partitions: readonly (readonly { atMs: number; isWanted: boolean }[])[]) =>
  partitions.map((letters, partition) =>
    letters.map(({ atMs, isWanted }, at): Letter => ({
      partition,
      offset: BigInt(2 * at),
      failedAtMs: atMs,
      isWanted,
    })),
  );

const search = (
  topic: readonly (readonly Letter[])[],
  options: {
    limit: number;
    from?: number;
    rest?: SearchResult<Letter>["rest"];
    maxLetters?: number;
    maxBytesAtOnce?: number;
  },
) => {
  const { limit, from = 0, rest, maxLetters = Infinity, maxBytesAtOnce = Infinity } = options;
  const readChunk: ReadChunk<Letter> = async (range) => {
    const letters = (topic[range.partition] ?? []).filter(
      ({ offset }) => offset >= range.from && offset < range.until,
    );
    if (letters.length * 100 > maxBytesAtOnce && range.until - range.from > 1n) return undefined;
    return {
      items: letters.filter(({ isWanted, failedAtMs }) => isWanted && failedAtMs >= from),
      oldestMs:
        letters.length === 0 ? undefined : Math.min(...letters.map((one) => one.failedAtMs)),
      bytes: letters.length * 100,
      letters: letters.length,
    };
  };
  return newestLetters({
    partitions: topic.map((letters, partition) => ({
      partition,
      low: 0n,
      ...(rest === undefined
        ? { before: BigInt(2 * letters.length), boundMs: Infinity }
        : (rest.find((one) => one.partition === partition) ?? { before: 0n, boundMs: 0 })),
    })),
    limit,
    from,
    readChunk,
    isOver: ({ letters }) => letters >= maxLetters,
  });
};

/** Each partition in the order in which its letters failed. */
const partitions = fc.array(
  fc
    .array(fc.record({ atMs: fc.integer({ min: 0, max: 1_000 }), isWanted: fc.boolean() }), {
      maxLength: 300,
    })
    .map((letters) => letters.toSorted((a, b) => a.atMs - b.atMs)),
  { maxLength: 4 },
);

describe("the search for the newest dead letters", () => {
  it("finds each of them once, the newest first, whatever the pages and limits", async () => {
    await fc.assert(
      fc.asyncProperty(
        partitions,
        fc.record({
          limit: fc.integer({ min: 1, max: 50 }),
          from: fc.integer({ min: 0, max: 1_000 }),
          maxLetters: fc.integer({ min: 1, max: 200 }),
          maxBytesAtOnce: fc.constantFrom(100, 1_000, 1_000_000),
        }),
        async (given, options) => {
          const topic = topicOf(given);
          const found: Letter[] = [];
          let rest: SearchResult<Letter>["rest"] | undefined;
          for (let page = 0; page < 2_000; page++) {
            const result = await search(topic, { ...options, ...(rest && { rest }) });
            found.push(...result.items);
            ({ rest } = result);
            if (rest.length === 0) break;
          }
          expect(rest).toEqual([]);
          const wanted = topic
            .flat()
            .filter(({ isWanted, failedAtMs }) => isWanted && failedAtMs >= options.from);
          expect(found.map(({ failedAtMs }) => failedAtMs)).toEqual(
            wanted.map(({ failedAtMs }) => failedAtMs).toSorted((a, b) => b - a),
          );
          expect(new Set(found).size).toBe(wanted.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("ends when enough was read, and says back to when it has looked", async () => {
    const topic = topicOf([
      Array.from({ length: 1_000 }, (_, at) => ({ atMs: at, isWanted: false })),
      Array.from({ length: 1_000 }, (_, at) => ({ atMs: at, isWanted: at === 0 })),
    ]);
    const first = await search(topic, { limit: 10, maxLetters: 100 });
    expect(first.items).toEqual([]);
    expect(first.letters).toBeLessThan(300);
    expect(first.rest).toHaveLength(2);
    expect(first.backToMs).toBeGreaterThan(800);
    const all = await search(topic, { limit: 10 });
    expect(all).toMatchObject({ items: [{ failedAtMs: 0 }], rest: [], letters: 2_000 });
    expect(all.backToMs).toBeUndefined();
  });
});
