import { type MinuteBook, type MinuteBooks, mergedBooks } from "./minute-books.ts";
import { type Digest, digestOf, valuesOf } from "./digest.ts";

/** What the processor did with a range of offsets of one raw partition. */
export type LedgerEntry = {
  readonly partition: number;
  /** The topic's id, which identifies the log that the offsets belong to; empty if unknown. */
  readonly log: string;
  /** Offsets from `from` to below `to`. */
  readonly from: bigint;
  readonly to: bigint;
  /** The processor had no open entry to continue: what it may have read before without committing is in no entry. */
  readonly begins: boolean;
  /** Offsets of the range with a record; the others are transaction markers. */
  readonly records: number;
  readonly minutes: MinuteBooks;
};

/** Joins the entries of adjacent ranges. */
export const joinedEntries = (first: LedgerEntry, next: LedgerEntry): LedgerEntry => ({
  ...first,
  to: next.to,
  records: first.records + next.records,
  minutes: mergedBooks(first.minutes, next.minutes),
});

/**
 * Splits an entry into parts of at most `maxMinutes` minutes. The first part has the range and the last minutes, because
 * the reconciler takes the end of what it knows of a range from them; the other parts have an empty range behind it.
 */
export function splitEntry(entry: LedgerEntry, maxMinutes: number): LedgerEntry[] {
  if (entry.minutes.size <= maxMinutes) return [entry];
  const minutes = [...entry.minutes].toSorted(([a], [b]) => b - a);
  const parts: LedgerEntry[] = [];
  for (let at = 0; at < minutes.length; at += maxMinutes) {
    const some = new Map(minutes.slice(at, at + maxMinutes));
    const rest = { from: entry.to, records: 0, begins: false };
    parts.push({ ...entry, ...(at > 0 && rest), minutes: some });
  }
  return parts;
}

/** An entry as JSON: the value of a record of probe.reconciliation, and part of a committed offset's metadata. */
export const writeEntry = (entry: LedgerEntry): string => JSON.stringify(entryJson(entry));

function entryJson(entry: LedgerEntry): Written {
  const { partition, log, from, to, begins, records } = entry;
  return {
    partition,
    log,
    from: from.toString(),
    to: to.toString(),
    begins,
    records,
    minutes: [...entry.minutes].map(([minute, book]) => [
      minute,
      writeDigest(book.read),
      writeDigest(book.written),
      writeDigest(book.leftOut),
      [book.conflicts, book.refused, book.dead],
    ]),
  };
}

/** Undefined for text that `writeEntry` did not write. */
export function readEntry(text: string): LedgerEntry | undefined {
  try {
    const parsed = JSON.parse(text) as Written;
    const minutes = parsed.minutes.map(
      ([minute, read, written, leftOut, counts]) =>
        [minute, bookOf(read, written, leftOut, counts)] as const,
    );
    return {
      partition: parsed.partition,
      log: parsed.log,
      from: BigInt(parsed.from),
      to: BigInt(parsed.to),
      begins: parsed.begins,
      records: parsed.records,
      minutes: new Map(minutes),
    };
  } catch {
    return undefined;
  }
}

/**
 * Formats an entry as the end of a committed offset's metadata.
 * @param more fields to add to its JSON, which `entryInMetadata` ignores
 */
export const entryMetadata = (
  entry: LedgerEntry | undefined,
  more?: Readonly<Record<string, number>>,
): string =>
  entry === undefined ? "" : ` ledger=${JSON.stringify({ ...entryJson(entry), ...more })}`;

/** Reads the entry in a committed offset's metadata; undefined if there is none. */
export function entryInMetadata(metadata: string): LedgerEntry | undefined {
  const [, text] = / ledger=(.+)$/.exec(metadata) ?? [];
  return text === undefined ? undefined : readEntry(text);
}

type Written = {
  readonly partition: number;
  readonly log: string;
  readonly from: string;
  readonly to: string;
  readonly begins: boolean;
  readonly records: number;
  readonly minutes: readonly (readonly [number, Triple, Triple, Triple, readonly number[]])[];
};
/** Count, sum and xor of a digest. */
type Triple = readonly [number, string, string];

function bookOf(
  read: Triple,
  written: Triple,
  leftOut: Triple,
  [conflicts = 0, refused = 0, dead = 0]: readonly number[],
): MinuteBook {
  return {
    read: readDigest(read),
    written: readDigest(written),
    leftOut: readDigest(leftOut),
    conflicts,
    refused,
    dead,
  };
}

function writeDigest(digest: Digest): Triple {
  const { count, sum, xor } = valuesOf(digest);
  return [Number(count), sum.toString(), xor.toString()];
}

const readDigest = ([count, sum, xor]: Triple): Digest =>
  digestOf({ count: BigInt(count), sum: BigInt(sum), xor: BigInt(xor) });
