import { type PgClient, query } from "@fiberstream/postgres/pool";
import {
  type MinuteBook,
  type BookValues,
  bookValuesOf,
} from "@fiberstream/reconciliation/minute-books";

export type Stage = "processor" | "sink";

/** Counts and digests to add to the books. */
export type BookLine = {
  readonly partition: number;
  readonly minute: number;
  readonly book: MinuteBook;
  /** Rows written from offsets that had been read before. */
  readonly rewritten: number;
};

/** A minute's book as it is in the table. */
export type StoredBook = BookValues & {
  readonly stage: Stage;
  readonly partition: number;
  readonly minute: number;
  readonly rewritten: number;
};

/** Returns the lines as JSON, for a statement with `linesIn`. */
export const linesJson = (lines: readonly BookLine[]): string =>
  JSON.stringify(
    lines.map(({ partition, minute, book, rewritten }) =>
      lineOf(bookValuesOf(book), partition, minute, rewritten),
    ),
  );

function lineOf(book: BookValues, partition: number, minute: number, rewritten: number) {
  const { read, written, leftOut, conflicts, refused, dead } = book;
  return {
    partition,
    minute: minute * 60,
    read_count: Number(read.count),
    read_sum: read.sum.toString(),
    read_xor: signed(read.xor),
    written_count: Number(written.count),
    written_sum: written.sum.toString(),
    written_xor: signed(written.xor),
    left_out_count: Number(leftOut.count),
    left_out_sum: leftOut.sum.toString(),
    left_out_xor: signed(leftOut.xor),
    conflicts,
    refused,
    dead,
    rewritten,
  };
}

/** PostgreSQL's bigint is signed. */
const signed = (value: bigint) => BigInt.asIntN(64, value).toString();

/** Returns the statement that adds the lines of `source` (see `linesIn`). All writers lock the rows in this order. */
export const addLines = (stage: Stage, source: string): string => `
  INSERT INTO reconciliation_books AS book (
    minute, stage, partition,
    read_count, read_sum, read_xor, written_count, written_sum, written_xor,
    left_out_count, left_out_sum, left_out_xor, conflicts, refused, dead, rewritten
  )
  SELECT to_timestamp(minute), '${stage}', partition,
         read_count, read_sum, read_xor, written_count, written_sum, written_xor,
         left_out_count, left_out_sum, left_out_xor, conflicts, refused, dead, rewritten
  FROM ${source}
  ORDER BY minute, partition
  ON CONFLICT (minute, stage, partition) DO UPDATE SET
    read_count = book.read_count + excluded.read_count,
    read_sum = (book.read_sum + excluded.read_sum) % 18446744073709551616,
    read_xor = book.read_xor # excluded.read_xor,
    written_count = book.written_count + excluded.written_count,
    written_sum = (book.written_sum + excluded.written_sum) % 18446744073709551616,
    written_xor = book.written_xor # excluded.written_xor,
    left_out_count = book.left_out_count + excluded.left_out_count,
    left_out_sum = (book.left_out_sum + excluded.left_out_sum) % 18446744073709551616,
    left_out_xor = book.left_out_xor # excluded.left_out_xor,
    conflicts = book.conflicts + excluded.conflicts,
    refused = book.refused + excluded.refused,
    dead = book.dead + excluded.dead,
    rewritten = book.rewritten + excluded.rewritten,
    is_judged = false`;

/** @param json a parameter of the statement, with the value of `linesJson` */
export const linesIn = (json: string): string => `jsonb_to_recordset(${json}::jsonb) AS line (
    partition integer, minute double precision,
    read_count bigint, read_sum numeric, read_xor bigint,
    written_count bigint, written_sum numeric, written_xor bigint,
    left_out_count bigint, left_out_sum numeric, left_out_xor bigint,
    conflicts bigint, refused bigint, dead bigint, rewritten bigint
  )`;

/**
 * Reads the books of minutes.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readBooks(
  client: PgClient,
  minutes: readonly number[],
): Promise<StoredBook[]> {
  const rows = await query<BookRow>(client, SELECT_BOOKS, [minutes.map((minute) => minute * 60)]);
  return rows.map((row) => ({
    stage: row.stage,
    partition: row.partition,
    minute: row.minute,
    read: digestIn(row.read_count, row.read_sum, row.read_xor),
    written: digestIn(row.written_count, row.written_sum, row.written_xor),
    leftOut: digestIn(row.left_out_count, row.left_out_sum, row.left_out_xor),
    conflicts: Number(row.conflicts),
    refused: Number(row.refused),
    dead: Number(row.dead),
    rewritten: Number(row.rewritten),
  }));
}

const digestIn = (count: string, sum: string, xor: string) => ({
  count: BigInt(count),
  sum: BigInt(sum),
  xor: BigInt.asUintN(64, BigInt(xor)),
});

type BookRow = {
  stage: Stage;
  partition: number;
  minute: number;
  read_count: string;
  read_sum: string;
  read_xor: string;
  written_count: string;
  written_sum: string;
  written_xor: string;
  left_out_count: string;
  left_out_sum: string;
  left_out_xor: string;
  conflicts: string;
  refused: string;
  dead: string;
  rewritten: string;
};

const SELECT_BOOKS = `
  SELECT stage, partition, (extract(epoch FROM minute) / 60)::integer AS minute,
         read_count, read_sum, read_xor, written_count, written_sum, written_xor,
         left_out_count, left_out_sum, left_out_xor, conflicts, refused, dead, rewritten
  FROM reconciliation_books
  WHERE minute IN (SELECT to_timestamp(at) FROM unnest($1::double precision[]) AS at)`;
