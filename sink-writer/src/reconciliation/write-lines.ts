import type { RecordBatch } from "@fiberstream/kafka/records";
import { type Digest, digestOf, merged, valuesOf } from "@fiberstream/reconciliation/digest";
import {
  createBookFinder,
  MINUTE_US,
  type MinuteBook,
  minuteOfTimestamp,
  minuteOfUs,
  newMinuteBook,
} from "@fiberstream/reconciliation/minute-books";
import type { InsertedRows } from "../insert/insert-rows.ts";
import type { DeadRecord } from "../rows/row-reader.ts";
import type { BookLine } from "./books-table.ts";

/** The batches of a write, and its result. */
export type BookedWrite = {
  readonly batches: readonly RecordBatch[];
  readonly inserted: readonly InsertedRows[];
  /** Records that could not be decoded. */
  readonly dead: readonly DeadRecord[];
};

/** Whether an offset of a partition is in the books already: the sink reads it again. */
export type IsBooked = (partition: number, offset: string) => boolean;

/**
 * Returns what a write adds to the books. Of records that are read again, only rows that are written again count: all
 * else is in the books since the first reading.
 */
export function linesOf({ inserted, dead }: BookedWrite, isBooked?: IsBooked): BookLine[] {
  const partitions = new Map<number, PartitionBooks>();
  const booksOf = (partition: number) => {
    let books = partitions.get(partition);
    if (books === undefined) partitions.set(partition, (books = newPartitionBooks()));
    return books;
  };

  for (const { record, batch } of dead) {
    if (isBooked?.(batch.partition, record.offset)) continue;
    booksOf(batch.partition).bookOf(minuteOfTimestamp(record.timestamp)).dead++;
  }

  for (const { rows, result } of inserted) {
    const leftOut = new Set(result.leftOut);
    const inConflict = new Set(result.inConflict);
    const areAllWritten = leftOut.size + result.refused.size === 0;
    let batch: RecordBatch | undefined;
    let books = newPartitionBooks();
    let minute = 0;
    let book = newMinuteBook();
    // Start of the minute; most rows have the same minute as the row before.
    let fromUs = NaN;
    const count = rows.count();
    for (let row = 0; row < count; row++) {
      const origin = rows.originOf(row);
      // The rows of a batch are consecutive.
      const receivedAtUs = rows.receivedAtOf(row);
      const isSameMinute = receivedAtUs >= fromUs && receivedAtUs < fromUs + MINUTE_US;
      if (origin.batch !== batch || !isSameMinute) {
        if (origin.batch !== batch) books = booksOf((batch = origin.batch).partition);
        minute = minuteOfUs(receivedAtUs);
        book = books.bookOf(minute);
        fromUs = minute * MINUTE_US;
      }
      const isRefused = areAllWritten ? false : result.refused.has(row);
      const isWritten = areAllWritten || (!isRefused && !leftOut.has(row));
      if (isBooked?.(origin.batch.partition, origin.record.offset)) {
        if (isWritten) books.rewrote(minute);
        continue;
      }
      rows.addIdTo(isWritten ? book.written : book.leftOut, row);
      if (isWritten) continue;
      if (isRefused) book.refused++;
      else if (inConflict.has(row)) book.conflicts++;
    }
  }

  return [...partitions].flatMap(([partition, books]) =>
    [...books.minutes].map(([minute, book]) => ({
      partition,
      minute,
      book: { ...book, read: joined(book.written, book.leftOut) },
      rewritten: books.rewritten.get(minute) ?? 0,
    })),
  );
}

/** `read` is the sum of both, so no row has to be added twice. */
const joined = (written: Digest, leftOut: Digest): Digest =>
  digestOf(merged(valuesOf(written), valuesOf(leftOut)));

type PartitionBooks = {
  readonly minutes: ReadonlyMap<number, MinuteBook>;
  readonly bookOf: (minute: number) => MinuteBook;
  readonly rewritten: ReadonlyMap<number, number>;
  readonly rewrote: (minute: number) => void;
};

function newPartitionBooks(): PartitionBooks {
  const minutes = new Map<number, MinuteBook>();
  const rewritten = new Map<number, number>();
  const bookOf = createBookFinder(minutes);
  return {
    minutes,
    bookOf,
    rewritten,
    rewrote: (minute) => {
      bookOf(minute);
      rewritten.set(minute, (rewritten.get(minute) ?? 0) + 1);
    },
  };
}
