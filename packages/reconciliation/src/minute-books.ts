import {
  type Digest,
  digestOf,
  type DigestValues,
  emptyDigest,
  merged,
  NO_EVENTS,
  valuesOf,
} from "./digest.ts";

/** What a stage did with the events of one minute in one partition, in any range of offsets. */
export type MinuteBook = {
  /** Events read: everything that could be decoded. */
  readonly read: Digest;
  /** Events written: the processor's enriched records, the sink's rows. */
  readonly written: Digest;
  /** Events left out: repeats, conflicts and refused rows. */
  readonly leftOut: Digest;
  /** How many of those left out are in metric_conflicts. */
  conflicts: number;
  /** How many of those left out are dead letters: rows that PostgreSQL refused. */
  refused: number;
  /** Dead letters that are not among the read: they have no event_id, or it does not count. */
  dead: number;
};

/** Books by minute since 1970, of the events' `received_at`. */
export type MinuteBooks = ReadonlyMap<number, MinuteBook>;

export const newMinuteBook = (): MinuteBook => ({
  read: emptyDigest(),
  written: emptyDigest(),
  leftOut: emptyDigest(),
  conflicts: 0,
  refused: 0,
  dead: 0,
});

export const MINUTE_US = 60_000_000;
/** In the year 2255: times are whatever a producer says, and PostgreSQL has no time for all of them. */
const LAST_MINUTE = 150_000_000;

/** Which minute a time belongs to, in us since 1970. */
export function minuteOfUs(timeUs: number): number {
  const minute = Math.floor(timeUs / MINUTE_US);
  return minute > 0 ? Math.min(minute, LAST_MINUTE) : 0;
}
/** The same of a Kafka timestamp, decimal ms: for what has no `received_at`. */
export const minuteOfTimestamp = (timestampMs: string): number =>
  minuteOfUs(Number(timestampMs) * 1_000);

/** Finds a minute's book, mostly the one that was asked for last. */
export function createBookFinder(books: Map<number, MinuteBook>): (minute: number) => MinuteBook {
  let lastMinute: number | undefined;
  let last = newMinuteBook();
  return (minute) => {
    if (minute === lastMinute) return last;
    let book = books.get(minute);
    if (book === undefined) books.set(minute, (book = newMinuteBook()));
    lastMinute = minute;
    return (last = book);
  };
}

/** The books of two ranges as one; neither is changed. */
export function mergedBooks(one: MinuteBooks, other: MinuteBooks): Map<number, MinuteBook> {
  const all = new Map(one);
  for (const [minute, book] of other) {
    const there = all.get(minute);
    all.set(minute, there === undefined ? book : mergedBook(there, book));
  }
  return all;
}

const mergedBook = (one: MinuteBook, other: MinuteBook): MinuteBook => ({
  read: mergedDigest(one.read, other.read),
  written: mergedDigest(one.written, other.written),
  leftOut: mergedDigest(one.leftOut, other.leftOut),
  conflicts: one.conflicts + other.conflicts,
  refused: one.refused + other.refused,
  dead: one.dead + other.dead,
});

const mergedDigest = (one: Digest, other: Digest): Digest =>
  digestOf(merged(valuesOf(one), valuesOf(other)));

/** A minute's book in whole numbers, as it is kept in the database. */
export type BookValues = {
  readonly read: DigestValues;
  readonly written: DigestValues;
  readonly leftOut: DigestValues;
  readonly conflicts: number;
  readonly refused: number;
  readonly dead: number;
};

export const bookValuesOf = (book: MinuteBook): BookValues => ({
  ...book,
  read: valuesOf(book.read),
  written: valuesOf(book.written),
  leftOut: valuesOf(book.leftOut),
});

export const EMPTY_BOOK: BookValues = {
  read: NO_EVENTS,
  written: NO_EVENTS,
  leftOut: NO_EVENTS,
  conflicts: 0,
  refused: 0,
  dead: 0,
};

export const mergedValues = (one: BookValues, other: BookValues): BookValues => ({
  read: merged(one.read, other.read),
  written: merged(one.written, other.written),
  leftOut: merged(one.leftOut, other.leftOut),
  conflicts: one.conflicts + other.conflicts,
  refused: one.refused + other.refused,
  dead: one.dead + other.dead,
});
