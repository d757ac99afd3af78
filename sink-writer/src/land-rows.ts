import { redacted } from "@fiberstream/kafka/dead-letter";
import type { PgClient } from "@fiberstream/postgres/pool";
import {
  possibleRefusal,
  postgresFailure,
  type RowRefusedError,
  UNIQUE_VIOLATION,
} from "@fiberstream/postgres/postgres-errors";
import { copyRows } from "./copy-rows.ts";
import type { RepeatingNodes } from "./repeating-nodes.ts";
import type { Rows } from "./row-buffer.ts";
import type { SortedRows } from "./row-buffers.ts";
import type { DeadRecord } from "./row-reader.ts";
import { atSavepoint } from "./savepoint.ts";
import { createInsertThroughStaging, STAGING_TABLE } from "./staging.ts";
import { columnList, type TableLayout } from "./table-layout.ts";
import { createAskWitness } from "./table-witness.ts";

/** What became of the rows of a write; a row is counted once. */
export type Landing = {
  /** Written by COPY straight into the table. */
  readonly copied: number;
  /** Written through the staging table, because others of the write were stored already. */
  readonly staged: number;
  /** Left out: stored already with the same content. */
  readonly repeats: number;
  /** Kept in metric_conflicts: stored already with other content. */
  readonly conflicts: number;
  /** The numbers of the rows that are stored already, those in conflict among them. */
  readonly leftOut: readonly number[];
  readonly inConflict: readonly number[];
  /** Refused by PostgreSQL while it takes others, by their number. */
  readonly refused: ReadonlyMap<number, DeadRecord>;
};

export type Landed = { readonly rows: Rows; readonly landing: Landing };

/** @returns what became of the rows of each buffer that has any */
export type LandRows = (client: PgClient, rows: SortedRows) => Promise<Landed[]>;

type LandRange = (write: Write, rows: Rows, range: Range) => Promise<Landing>;
/** Rows from `from` to below `to`. */
type Range = { readonly from: number; readonly to: number };

/** A write under way. */
type Write = {
  readonly client: PgClient;
  /** Whether the table has taken a row since it began: then one that it refuses is itself at fault. */
  isAnyTaken: boolean;
  /** How many rows were refused alone. */
  refused: number;
};

/**
 * Writes rows in a transaction that the caller has begun: the fresh ones by COPY; those seen before, and all
 * where some turn out to be stored already, through a staging table; where PostgreSQL refuses a value, by
 * halves until it stands alone. A row that is refused alone is at fault if the table takes others: of this write, or a
 * row that is known to be good. A table that takes none is at fault itself, and no row.
 *
 * Repeats of what no one here has seen come in crowds (a topic that is read again): after a write of which they are
 * half, the staging table is tried first. A few are of nodes that send again what is old: those are noted, so that their
 * rows are staged alone from then on, and a node makes the rows of others wait for a COPY that fails once in a while.
 * Such a COPY costs its rows' space in the table.
 *
 * @param options.countBytes is told the size of each COPY
 * @returns a function that throws TransientError and FatalError
 */
export function createLandRows(options: {
  layout: TableLayout;
  countBytes: (bytes: number) => void;
  /** Told of the nodes whose rows turn out to be stored already. */
  repeating?: Pick<RepeatingNodes, "note">;
}): LandRows {
  const columns = columnList(options.layout);
  const insertThroughStaging = createInsertThroughStaging(options.layout);
  const askWitness = createAskWitness(options.layout);
  let areRepeatsLikely = false;

  const copyInto = async (client: PgClient, table: string, bytes: Buffer) => {
    await copyRows(client, `COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`, bytes);
    options.countBytes(bytes.length);
  };

  const landByCopy: LandRange = async (write, rows, { from, to }) => {
    const { client } = write;
    try {
      await atSavepoint(client, () => copyInto(client, "metrics", rows.bytes(from, to)));
      write.isAnyTaken = true;
      return { ...NOTHING, copied: to - from };
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal.sqlState === UNIQUE_VIOLATION) return landAmongRepeats(write, rows, { from, to });
      return isolate(write, { rows, range: { from, to }, refusal, landPart: landByCopy });
    }
  };

  const landAmongRepeats: LandRange = async (write, rows, { from, to }) => {
    const { client } = write;
    try {
      const fill = () => copyInto(client, STAGING_TABLE, rows.bytes(from, to));
      const { inserted, leftOut, inConflict } = await atSavepoint(client, () =>
        insertThroughStaging(client, fill, originsOf(rows, { from, to })),
      );
      write.isAnyTaken ||= inserted > 0;
      return {
        ...NOTHING,
        staged: inserted,
        conflicts: inConflict.length,
        repeats: leftOut.length - inConflict.length,
        leftOut: leftOut.map((place) => from + place),
        inConflict: inConflict.map((place) => from + place),
      };
    } catch (error) {
      const refusal = refusalIn(error);
      return isolate(write, { rows, range: { from, to }, refusal, landPart: landAmongRepeats });
    }
  };

  /** The culprit alone is dead; of more rows each half is tried by itself. */
  const isolate = async (
    write: Write,
    failed: { rows: Rows; range: Range; refusal: RowRefusedError; landPart: LandRange },
  ): Promise<Landing> => {
    const { rows, refusal, landPart } = failed;
    const { from, to } = failed.range;
    if (to - from > 1) {
      const middle = (from + to) >> 1;
      const first = await landPart(write, rows, { from, to: middle });
      return joined(first, await landPart(write, rows, { from: middle, to }));
    }
    write.refused++;
    if (!write.isAnyTaken && write.refused === MOST_REFUSED_UNASKED) await findAnyTaken(write);
    const message = `PostgreSQL refuses the row: SQLSTATE ${refusal.sqlState}, ${redacted(refusal)}`;
    const reason = { failureClass: "row-refused", message, cause: refusal } as const;
    return { ...NOTHING, refused: new Map([[from, { ...rows.originOf(from), reason }]]) };
  };

  const findAnyTaken = async (write: Write) => {
    await askWitness(write.client);
    write.isAnyTaken = true;
  };

  const landFresh: LandRange = async (write, rows, range) => {
    const land = areRepeatsLikely ? landAmongRepeats : landByCopy;
    const landing = await land(write, rows, range);
    areRepeatsLikely = landing.leftOut.length * 2 >= range.to - range.from;
    if (!areRepeatsLikely) {
      for (const row of landing.leftOut) options.repeating?.note(rows.nodeIdOf(row));
    }
    return landing;
  };

  return async (client, { fresh, again }) => {
    const write: Write = { client, isAnyTaken: false, refused: 0 };
    const landed: Landed[] = [];
    const land = async (rows: Rows, landRange: LandRange) => {
      const range = { from: 0, to: rows.count() };
      if (range.to > 0) landed.push({ rows, landing: await landRange(write, rows, range) });
    };
    await land(fresh, landFresh);
    await land(again, landAmongRepeats);
    if (write.refused > 0 && !write.isAnyTaken) await findAnyTaken(write);
    return landed;
  };
}

/** After so many the table is suspected: with one at fault a whole write would be taken apart for nothing. */
const MOST_REFUSED_UNASKED = 10;

const joined = (first: Landing, second: Landing): Landing => ({
  copied: first.copied + second.copied,
  staged: first.staged + second.staged,
  repeats: first.repeats + second.repeats,
  conflicts: first.conflicts + second.conflicts,
  leftOut: [...first.leftOut, ...second.leftOut],
  inConflict: [...first.inConflict, ...second.inConflict],
  refused: new Map([...first.refused, ...second.refused]),
});

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

/** @throws {TransientError} @throws {FatalError} when no row can be at fault */
function refusalIn(error: unknown): RowRefusedError {
  const refusal = possibleRefusal(error);
  if (refusal === undefined) throw postgresFailure(error);
  return refusal;
}

const NOTHING: Landing = {
  copied: 0,
  staged: 0,
  repeats: 0,
  conflicts: 0,
  leftOut: [],
  inConflict: [],
  refused: new Map(),
};
