import { type MinuteBook, type MinuteBooks, mergedBooks } from "./minute-books.ts";
import { type Digest, digestOf, valuesOf } from "./digest.ts";

/** What the processor did with a range of offsets of one raw partition. */
export type LedgerEntry = {
  readonly partition: number;
  /** The topic's id: offsets are of this log. Empty where it is not known. */
  readonly log: string;
  /** Offsets from `from` to below `to`. */
  readonly from: bigint;
  readonly to: bigint;
  /** The processor had no open entry to go on with: what it may have read before without finishing it is in none. */
  readonly begins: boolean;
  /** Offsets of the range with a record; the others are transaction markers. */
  readonly records: number;
  readonly minutes: MinuteBooks;
};

/** Entries of neighbouring ranges as one. */
export const joinedEntries = (one: LedgerEntry, next: LedgerEntry): LedgerEntry => ({
  ...one,
  to: next.to,
  records: one.records + next.records,
  minutes: mergedBooks(one.minutes, next.minutes),
});

/** An entry as JSON: the value of a record of probe.reconciliation, and part of a committed offset's metadata. */
export function writeEntry(entry: LedgerEntry): string {
  const { partition, log, from, to, begins, records } = entry;
  return JSON.stringify({
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
  });
}

/** Undefined for what `writeEntry` has not written. */
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

/** An entry as the end of a committed offset's metadata. */
export const entryNote = (entry: LedgerEntry | undefined): string =>
  entry === undefined ? "" : ` ledger=${writeEntry(entry)}`;

/** The entry in a committed offset's metadata; undefined where there is none. */
export function entryInNote(metadata: string): LedgerEntry | undefined {
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
