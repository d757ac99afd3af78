import { redacted } from "@fiberstream/kafka/dead-letter";
import type { PgClient } from "@fiberstream/postgres/pool";
import {
  possibleRefusal,
  postgresFailure,
  type RowRefusedError,
  UNIQUE_VIOLATION,
} from "@fiberstream/postgres/postgres-errors";
import type { RepeatingNodes } from "../rows/repeating-nodes.ts";
import type { Rows } from "../rows/row-buffer.ts";
import type { SplitRows } from "../rows/row-buffers.ts";
import type { DeadRecord } from "../rows/row-reader.ts";
import { columnList, type TableLayout } from "../tuples/table-layout.ts";
import { createTryCanary } from "./canary-row.ts";
import { copyRows } from "./copy-rows.ts";
import { NOTHING_ERASED, readErasedBefore } from "./erased-rows.ts";
import { atSavepoint } from "./savepoint.ts";
import { createInsertThroughStaging, STAGING_TABLE } from "./staging.ts";

/** The result of inserting the rows of a write. Each row is counted once. */
export type InsertResult = {
  /** Written by COPY directly into the table. */
  readonly copied: number;
  /** Written through the staging table, because other rows of the write were stored already. */
  readonly staged: number;
  /** Left out: stored already with the same content, or erased by an operator. */
  readonly repeats: number;
  /** Added to metric_conflicts: stored already with other content. */
  readonly conflicts: number;
  /** The numbers of the rows that were left out, conflicts included. */
  readonly leftOut: readonly number[];
  readonly inConflict: readonly number[];
  /** Those of them that are in no table, because an operator has erased their events. */
  readonly erased: ReadonlySet<number>;
  /** The rows that PostgreSQL rejects while it accepts others, by their number. */
  readonly refused: ReadonlyMap<number, DeadRecord>;
};

export type InsertedRows = { readonly rows: Rows; readonly result: InsertResult };

/** @returns the result for each buffer that has rows */
export type InsertRows = (client: PgClient, rows: SplitRows) => Promise<InsertedRows[]>;

type InsertRange = (write: Write, rows: Rows, range: Range) => Promise<InsertResult>;
/** Rows from `from` to below `to`. */
type Range = { readonly from: number; readonly to: number };

/** A write in progress. */
type Write = {
  readonly client: PgClient;
  /** Events that were received before may be erased; in microseconds since 1970. */
  readonly erasedBefore: number;
  /** Whether the table has accepted a row since the write began: then a row that it rejects is itself at fault. */
  isAnyAccepted: boolean;
  /** How many single rows were rejected. */
  refused: number;
};

/**
 * Returns a function that writes rows in a transaction that the caller has begun. Rows of new events are written by
 * COPY. Rows of events seen before go through a staging table, and so do all rows if some of them are stored already.
 * If PostgreSQL rejects a value, the rows are halved until the row with it is alone. That row is at fault if the table
 * accepts other rows: rows of this write, or a canary row. If the table accepts none, the table is at fault.
 *
 * Duplicates unknown to this process come in bursts (a replayed topic): after a write of which they are half, the
 * staging table is tried first. If they are fewer, some nodes resend old events. From then on only the rows of these
 * nodes are staged, so that one node seldom makes the rows of others wait for a failed COPY. If very many nodes do it,
 * the staging table is tried first as long as more than a quarter of the writes have such duplicates: measured with
 * 2,000 rows, COPY takes 18 ms, the staging table 31 ms, and both, after a COPY that failed, 82 ms. The rows of a failed
 * COPY also stay in the table as dead tuples until vacuum removes them.
 *
 * @param options.countBytes called with the size of each COPY
 * @returns a function that throws TransientError and FatalError
 */
export function createInsertRows(options: {
  layout: TableLayout;
  countBytes: (bytes: number) => void;
  /** Receives the nodes whose rows were stored already. */
  repeating?: Pick<RepeatingNodes, "add">;
}): InsertRows {
  const columns = columnList(options.layout);
  const insertThroughStaging = createInsertThroughStaging(options.layout);
  const tryCanary = createTryCanary(options.layout);
  let areDuplicatesLikely = false;
  /** Of the last writes, 0 to 1: a moving average. */
  let shareWithDuplicates = 0;

  const copyInto = async (client: PgClient, table: string, bytes: Buffer) => {
    await copyRows(client, `COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`, bytes);
    options.countBytes(bytes.length);
  };

  const insertByCopy: InsertRange = async (write, rows, { from, to }) => {
    const { client } = write;
    try {
      await atSavepoint(client, () => copyInto(client, "metrics", rows.bytes(from, to)));
      write.isAnyAccepted = true;
      return { ...NOTHING, copied: to - from };
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal.sqlState === UNIQUE_VIOLATION)
        return insertAmongDuplicates(write, rows, { from, to });
      return isolate(write, { rows, range: { from, to }, refusal, insertHalf: insertByCopy });
    }
  };

  const insertAmongDuplicates: InsertRange = async (write, rows, { from, to }) => {
    const { client } = write;
    try {
      const fill = () => copyInto(client, STAGING_TABLE, rows.bytes(from, to));
      const mayBeErased = isAnyReceivedBefore(rows, { from, to }, write.erasedBefore);
      const { inserted, leftOut, inConflict, erased } = await atSavepoint(client, () =>
        insertThroughStaging(client, fill, { ...originsOf(rows, { from, to }), mayBeErased }),
      );
      write.isAnyAccepted ||= inserted > 0;
      return {
        ...NOTHING,
        staged: inserted,
        conflicts: inConflict.length,
        repeats: leftOut.length - inConflict.length,
        leftOut: leftOut.map((index) => from + index),
        inConflict: inConflict.map((index) => from + index),
        erased: new Set(erased.map((index) => from + index)),
      };
    } catch (error) {
      const refusal = refusalIn(error);
      return isolate(write, {
        rows,
        range: { from, to },
        refusal,
        insertHalf: insertAmongDuplicates,
      });
    }
  };

  /** Makes a dead letter of a single rejected row; of more rows, tries each half by itself. */
  const isolate = async (
    write: Write,
    failed: { rows: Rows; range: Range; refusal: RowRefusedError; insertHalf: InsertRange },
  ): Promise<InsertResult> => {
    const { rows, refusal, insertHalf } = failed;
    const { from, to } = failed.range;
    if (to - from > 1) {
      const middle = (from + to) >> 1;
      const first = await insertHalf(write, rows, { from, to: middle });
      return joined(first, await insertHalf(write, rows, { from: middle, to }));
    }
    write.refused++;
    if (!write.isAnyAccepted && write.refused === REFUSED_BEFORE_CANARY) await checkCanary(write);
    const message = `PostgreSQL rejects the row: SQLSTATE ${refusal.sqlState}, ${redacted(refusal)}`;
    const reason = { failureClass: "row-refused", message, cause: refusal } as const;
    return { ...NOTHING, refused: new Map([[from, { ...rows.originOf(from), reason }]]) };
  };

  const checkCanary = async (write: Write) => {
    await tryCanary(write.client);
    write.isAnyAccepted = true;
  };

  const insertUnseen: InsertRange = async (write, rows, range) => {
    // Only through the staging table erased events are left out.
    const mayBeErased = isAnyReceivedBefore(rows, range, write.erasedBefore);
    const isStagedFirst =
      mayBeErased || areDuplicatesLikely || shareWithDuplicates > SHARE_TO_STAGE_FIRST;
    const insert = isStagedFirst ? insertAmongDuplicates : insertByCopy;
    const result = await insert(write, rows, range);
    areDuplicatesLikely = result.leftOut.length * 2 >= range.to - range.from;
    // Those of a replayed topic come in bursts, and `areDuplicatesLikely` knows.
    const hasFew = result.leftOut.length > 0 && !areDuplicatesLikely;
    shareWithDuplicates += (Number(hasFew) - shareWithDuplicates) / WRITES_AVERAGED;
    if (!areDuplicatesLikely) {
      for (const row of result.leftOut) options.repeating?.add(rows.nodeIdOf(row));
    }
    return result;
  };

  return async (client, { unseen, seen }) => {
    const erasedBefore = await readErasedBefore(client);
    const write: Write = { client, erasedBefore, isAnyAccepted: false, refused: 0 };
    const inserted: InsertedRows[] = [];
    const insert = async (rows: Rows, insertRange: InsertRange) => {
      const range = { from: 0, to: rows.count() };
      if (range.to > 0) inserted.push({ rows, result: await insertRange(write, rows, range) });
    };
    await insert(unseen, insertUnseen);
    await insert(seen, insertAmongDuplicates);
    if (write.refused > 0 && !write.isAnyAccepted) await checkCanary(write);
    return inserted;
  };
}

/** So many writes make up most of the average. */
const WRITES_AVERAGED = 8;
/** Three writes in a row with duplicates exceed it. */
const SHARE_TO_STAGE_FIRST = 1 / 4;

/** After so many rejected rows the table itself is checked, before a whole write is split for nothing. */
const REFUSED_BEFORE_CANARY = 10;

const joined = (first: InsertResult, second: InsertResult): InsertResult => ({
  copied: first.copied + second.copied,
  staged: first.staged + second.staged,
  repeats: first.repeats + second.repeats,
  conflicts: first.conflicts + second.conflicts,
  leftOut: [...first.leftOut, ...second.leftOut],
  inConflict: [...first.inConflict, ...second.inConflict],
  erased: new Set([...first.erased, ...second.erased]),
  refused: new Map([...first.refused, ...second.refused]),
});

function isAnyReceivedBefore(rows: Rows, { from, to }: Range, micros: number): boolean {
  if (micros === NOTHING_ERASED) return false;
  for (let row = from; row < to; row++) if (rows.receivedAtOf(row) < micros) return true;
  return false;
}

function originsOf(rows: Rows, { from, to }: Range) {
  const partitions: number[] = [];
  const offsets: string[] = [];
  for (let row = from; row < to; row++) {
    const { record, batch } = rows.originOf(row);
    partitions.push(batch.partition);
    offsets.push(record.offset);
  }
  return { topic: rows.originOf(from).batch.topic, partitions, offsets };
}

/**
 * @throws {TransientError}
 * @throws {FatalError} when no row can be at fault
 */
function refusalIn(error: unknown): RowRefusedError {
  const refusal = possibleRefusal(error);
  if (refusal === undefined) throw postgresFailure(error);
  return refusal;
}

const NOTHING: InsertResult = {
  copied: 0,
  staged: 0,
  repeats: 0,
  conflicts: 0,
  leftOut: [],
  inConflict: [],
  erased: new Set(),
  refused: new Map(),
};
