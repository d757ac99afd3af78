import type { OffsetRange } from "../reader/topic-reader.ts";
import type { DeadLetterFilter, LetterPosition } from "./dead-letters.ts";
import type { PartitionProgress } from "./replay-progress.ts";

/** Letters that are so close are read in one range. */
const CLOSE = 200n;
/** How far back letters are looked at that may have been written twice. A sink writes the letters of one batch at once. */
const LOOK_BACK = 2_000n;

/** Returns what a replay has to read: everything, or the surroundings of the letters that the filter names. */
export function rangesOf(
  all: readonly OffsetRange[],
  { letters }: DeadLetterFilter,
): readonly OffsetRange[] {
  if (letters === undefined) return all;
  return all.flatMap((range) => around(range, letters));
}

function around(range: OffsetRange, letters: readonly LetterPosition[]): OffsetRange[] {
  const offsets = letters
    .filter(({ partition }) => partition === range.partition)
    .map(({ offset }) => BigInt(offset))
    .filter((offset) => offset >= range.from && offset < range.until)
    .toSorted((a, b) => (a < b ? -1 : 1));
  const found: { partition: number; from: bigint; until: bigint }[] = [];
  for (const offset of offsets) {
    const last = found.at(-1);
    if (last !== undefined && offset - last.until <= CLOSE) last.until = offset + 1n;
    else found.push({ partition: range.partition, from: offset, until: offset + 1n });
  }
  return found;
}

/**
 * Returns where a run begins in a range, and from where on it looks at letters that an earlier run has passed.
 * @param options.fromStart ignores earlier runs, but not this one when it resumes
 */
export function startIn(
  { from, until }: OffsetRange,
  progress: PartitionProgress | undefined,
  { fromStart, run }: { fromStart: boolean; run: string },
): { from: bigint; passedFrom: bigint } {
  const isIgnored = progress === undefined || (fromStart && progress.by?.run !== run);
  if (isIgnored || progress.nextOffset <= from) return { from, passedFrom: from };
  const start = progress.nextOffset < until ? progress.nextOffset : until;
  return { from: start, passedFrom: start - LOOK_BACK > from ? start - LOOK_BACK : from };
}
