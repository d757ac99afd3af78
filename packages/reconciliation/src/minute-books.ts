import {
  type Digest,
  digestOf,
  type DigestValues,
  emptyDigest,
  merged,
  NO_EVENTS,
  valuesOf,
} from "./digest.ts";

/** What a stage did with the events of one minute in one partition. */
export type MinuteBook = {
  /** Events read: everything that could be decoded. */
  readonly read: Digest;
  /** Events written: the processor's enriched records, the sink's rows. */
  readonly written: Digest;
  /** Events dropped: repeats, conflicts and refused rows. */
  readonly leftOut: Digest;
  /** How many of `leftOut` are in metric_conflicts. */
  conflicts: number;
  /** How many of `leftOut` are dead letters: rows that PostgreSQL rejected. */
  refused: number;
  /** Dead letters that are not in `read`: they have no usable event_id. */
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
/** In the year 2255: producers may send any time, and PostgreSQL cannot represent all of them. */
const LAST_MINUTE = 150_000_000;

/** The minute of a time in us since 1970. */
export function minuteOfUs(timeUs: number): number {
  const minute = Math.floor(timeUs / MINUTE_US);
  return minute > 0 ? Math.min(minute, LAST_MINUTE) : 0;
}
/** The minute of a Kafka timestamp, decimal ms; for records without `received_at`. */
export const minuteOfTimestamp = (timestampMs: string): number =>
  minuteOfUs(Number(timestampMs) * 1_000);

/** Returns a function that finds or adds a minute's book, and caches the last one. */
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

/** Merges the books of two ranges; changes neither. */
export function mergedBooks(a: MinuteBooks, b: MinuteBooks): Map<number, MinuteBook> {
  const all = new Map(a);
  for (const [minute, book] of b) {
    const existing = all.get(minute);
    all.set(minute, existing === undefined ? book : mergedBook(existing, book));
  }
  return all;
}

const mergedBook = (a: MinuteBook, b: MinuteBook): MinuteBook => ({
  read: mergedDigest(a.read, b.read),
  written: mergedDigest(a.written, b.written),
  leftOut: mergedDigest(a.leftOut, b.leftOut),
  conflicts: a.conflicts + b.conflicts,
  refused: a.refused + b.refused,
  dead: a.dead + b.dead,
});

const mergedDigest = (a: Digest, b: Digest): Digest => digestOf(merged(valuesOf(a), valuesOf(b)));

/** A minute's book in integers, as it is stored in the database. */
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

export const mergedValues = (a: BookValues, b: BookValues): BookValues => ({
  read: merged(a.read, b.read),
  written: merged(a.written, b.written),
  leftOut: merged(a.leftOut, b.leftOut),
  conflicts: a.conflicts + b.conflicts,
  refused: a.refused + b.refused,
  dead: a.dead + b.dead,
});
