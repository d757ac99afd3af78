import { redacted } from "@fiberstream/kafka/dead-letter";
import type { PgClient } from "@fiberstream/postgres/pool";
import {
  postgresFailure,
  RowRefusedError,
  sqlStateOf,
  UNIQUE_VIOLATION,
} from "@fiberstream/postgres/postgres-errors";
import { FatalError } from "@fiberstream/runtime/errors";
import { copyRows } from "./copy-rows.ts";
import type { Rows } from "./row-buffer.ts";
import type { SortedRows } from "./row-buffers.ts";
import type { DeadRecord } from "./row-reader.ts";
import { atSavepoint } from "./savepoint.ts";
import { createInsertThroughStaging, STAGING_TABLE } from "./staging.ts";
import { columnList, type TableLayout } from "./table-layout.ts";

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
  /** Refused by PostgreSQL for their own values, by their number. */
  readonly refused: ReadonlyMap<number, DeadRecord>;
};

export type Landed = { readonly rows: Rows; readonly landing: Landing };

/** @returns what became of the rows of each buffer that has any */
export type LandRows = (client: PgClient, rows: SortedRows) => Promise<Landed[]>;

type LandRange = (client: PgClient, rows: Rows, range: Range) => Promise<Landing>;
/** Rows from `from` to below `to`. */
type Range = { readonly from: number; readonly to: number };

/**
 * Writes rows in a transaction that the caller has begun: the fresh ones by COPY; those seen before, and all
 * where some turn out to be stored already, through a staging table; where PostgreSQL refuses a value, by
 * halves until it stands alone.
 *
 * Repeats of what no one here has seen come in crowds (a topic that is read again): after one the staging
 * table is tried first, until a write has none. A COPY that fails costs its rows' space in the table.
 *
 * @param options.countBytes is told the size of each COPY
 * @returns a function that throws TransientError and FatalError
 */
export function createLandRows(options: {
  layout: TableLayout;
  countBytes: (bytes: number) => void;
}): LandRows {
  const columns = columnList(options.layout);
  const insertThroughStaging = createInsertThroughStaging(options.layout);
  let areRepeatsLikely = false;

  const copyInto = async (client: PgClient, table: string, bytes: Buffer) => {
    await copyRows(client, `COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`, bytes);
    options.countBytes(bytes.length);
  };

  const landByCopy: LandRange = async (client, rows, { from, to }) => {
    try {
      await atSavepoint(client, () => copyInto(client, "metrics", rows.bytes(from, to)));
      return { ...NOTHING, copied: to - from };
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal.sqlState === UNIQUE_VIOLATION)
        return landAmongRepeats(client, rows, { from, to });
      return isolate({ client, rows, range: { from, to }, refusal, landHalf: landByCopy });
    }
  };

  const landAmongRepeats: LandRange = async (client, rows, { from, to }) => {
    try {
      const fill = () => copyInto(client, STAGING_TABLE, rows.bytes(from, to));
      const { inserted, leftOut, inConflict } = await atSavepoint(client, () =>
        insertThroughStaging(client, fill, originsOf(rows, { from, to })),
      );
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
      return isolate({ client, rows, range: { from, to }, refusal, landHalf: landAmongRepeats });
    }
  };

  const landFresh: LandRange = async (client, rows, range) => {
    const land = areRepeatsLikely ? landAmongRepeats : landByCopy;
    const landing = await land(client, rows, range);
    areRepeatsLikely = landing.repeats + landing.conflicts > 0;
    return landing;
  };

  return async (client, { fresh, again }) => {
    const landed: Landed[] = [];
    const land = async (rows: Rows, landRange: LandRange) => {
      const range = { from: 0, to: rows.count() };
      if (range.to > 0) landed.push({ rows, landing: await landRange(client, rows, range) });
    };
    await land(fresh, landFresh);
    await land(again, landAmongRepeats);
    assertNotAllRefused(landed);
    return landed;
  };
}

/** So many rows are hardly all bad for one reason by themselves. */
const MOST_REFUSED_ALIKE = 100;

/**
 * A constraint, a trigger or a column of somebody else's that refuses whatever comes is the table's fault:
 * dead letters of a whole topic would be no help.
 * @throws {FatalError}
 */
function assertNotAllRefused(landed: readonly Landed[]) {
  const refused = landed.flatMap(({ landing }) => [...landing.refused.values()]);
  const count = landed.reduce((sum, { rows }) => sum + rows.count(), 0);
  if (count <= MOST_REFUSED_ALIKE || refused.length < count) return;
  const [first] = refused;
  const sqlState = first && sqlStateOf(first.reason.cause);
  if (!refused.every(({ reason }) => sqlStateOf(reason.cause) === sqlState)) return;
  throw new FatalError(
    `all ${count} rows of a write are refused alike, ` +
      `partition ${first?.batch.partition} from offset ${first?.record.offset} on: ${first?.reason.message}`,
    "Look for constraints, triggers and columns of metrics that are not of the migrations, then start the sink " +
      "again; if it is the records that are bad, npm run fiber -- sink rewind --partition --offset leads past them",
  );
}

/** The culprit alone is dead; of more rows each half is tried by itself. */
async function isolate(failed: {
  client: PgClient;
  rows: Rows;
  range: Range;
  refusal: RowRefusedError;
  landHalf: LandRange;
}): Promise<Landing> {
  const { client, rows, range, refusal, landHalf } = failed;
  const { from, to } = range;
  if (to - from === 1) {
    const message = `PostgreSQL refuses the row: SQLSTATE ${refusal.sqlState}, ${redacted(refusal)}`;
    const reason = { failureClass: "row-refused", message, cause: refusal } as const;
    return { ...NOTHING, refused: new Map([[from, { ...rows.originOf(from), reason }]]) };
  }
  const middle = (from + to) >> 1;
  const first = await landHalf(client, rows, { from, to: middle });
  const second = await landHalf(client, rows, { from: middle, to });
  return {
    copied: first.copied + second.copied,
    staged: first.staged + second.staged,
    repeats: first.repeats + second.repeats,
    conflicts: first.conflicts + second.conflicts,
    leftOut: [...first.leftOut, ...second.leftOut],
    inConflict: [...first.inConflict, ...second.inConflict],
    refused: new Map([...first.refused, ...second.refused]),
  };
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

/** @throws {TransientError} @throws {FatalError} when it is not a row's own fault */
function refusalIn(error: unknown): RowRefusedError {
  const failure = postgresFailure(error);
  if (failure instanceof RowRefusedError) return failure;
  throw failure;
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
