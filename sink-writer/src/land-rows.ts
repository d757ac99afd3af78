import { redacted } from "@fiberstream/kafka/dead-letter";
import type { PgClient } from "@fiberstream/postgres/pool";
import {
  postgresFailure,
  RowRefusedError,
  UNIQUE_VIOLATION,
} from "@fiberstream/postgres/postgres-errors";
import { copyBytes } from "./copy-bytes.ts";
import { type CopySlab, createCopySlab } from "./copy-slab.ts";
import type { DeadRecord } from "./decode-batch.ts";
import { METRIC_COLUMNS, type MetricRow } from "./metric-row.ts";
import { writeMetricTuple } from "./metric-tuple.ts";
import { atSavepoint } from "./savepoint.ts";
import { insertThroughStaging, STAGING_TABLE } from "./staging.ts";

/** What became of the rows of a batch; a row is counted once. */
export type Landing = {
  /** Written by COPY straight into the table. */
  readonly copied: number;
  /** Written through the staging table, because others of the batch were stored already. */
  readonly staged: number;
  /** Left out: stored already with the same content. */
  readonly repeats: number;
  /** Kept in metric_conflicts: stored already with other content. */
  readonly conflicts: number;
  /** Refused by PostgreSQL for their own values. */
  readonly refused: readonly DeadRecord[];
};

export type LandRows = (client: PgClient, rows: readonly MetricRow[]) => Promise<Landing>;

/**
 * Writes rows in a transaction that the caller has begun: the whole batch by COPY; where some are stored
 * already, through a staging table; where PostgreSQL refuses a value, by halves until it stands alone.
 *
 * @param options.countBytes is told the size of each COPY
 * @returns a function that throws TransientError and FatalError
 */
export function createLandRows(options: { countBytes: (bytes: number) => void }): LandRows {
  // One for each batch that is written at the same time.
  const idleSlabs: CopySlab[] = [];

  const copyInto = async (client: PgClient, table: string, rows: readonly MetricRow[]) => {
    const slab = idleSlabs.pop() ?? createCopySlab({ initialBytes: INITIAL_SLAB_BYTES });
    try {
      slab.begin();
      for (const { event } of rows) writeMetricTuple(slab, event);
      const bytes = slab.end();
      await copyBytes(client, `COPY ${table} (${COLUMNS}) FROM STDIN (FORMAT binary)`, bytes);
      options.countBytes(bytes.length);
    } finally {
      idleSlabs.push(slab);
    }
  };

  const landByCopy: LandRows = async (client, rows) => {
    try {
      await atSavepoint(client, () => copyInto(client, "metrics", rows));
      return { ...NOTHING, copied: rows.length };
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal.sqlState === UNIQUE_VIOLATION) return landAmongRepeats(client, rows);
      return isolate(client, rows, { refusal, landHalf: landByCopy });
    }
  };

  const landAmongRepeats: LandRows = async (client, rows) => {
    try {
      const fill = () => copyInto(client, STAGING_TABLE, rows);
      const { inserted, conflicts } = await atSavepoint(client, () =>
        insertThroughStaging(client, fill),
      );
      const repeats = rows.length - inserted - conflicts;
      return { ...NOTHING, staged: inserted, conflicts, repeats };
    } catch (error) {
      return isolate(client, rows, { refusal: refusalIn(error), landHalf: landAmongRepeats });
    }
  };

  return async (client, rows) => (rows.length === 0 ? NOTHING : landByCopy(client, rows));
}

/** The culprit alone is dead; of more rows each half is tried by itself. */
async function isolate(
  client: PgClient,
  rows: readonly MetricRow[],
  options: { refusal: RowRefusedError; landHalf: LandRows },
): Promise<Landing> {
  const { refusal, landHalf } = options;
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) {
    const message = `PostgreSQL refuses the row: SQLSTATE ${refusal.sqlState}, ${redacted(refusal)}`;
    const reason = { failureClass: "row-refused", message, cause: refusal } as const;
    return { ...NOTHING, refused: [{ record: only.record, reason }] };
  }
  const middle = rows.length >> 1;
  const first = await landHalf(client, rows.slice(0, middle));
  const second = await landHalf(client, rows.slice(middle));
  return {
    copied: first.copied + second.copied,
    staged: first.staged + second.staged,
    repeats: first.repeats + second.repeats,
    conflicts: first.conflicts + second.conflicts,
    refused: [...first.refused, ...second.refused],
  };
}

/** @throws {TransientError} @throws {FatalError} when it is not a row's own fault */
function refusalIn(error: unknown): RowRefusedError {
  const failure = postgresFailure(error);
  if (failure instanceof RowRefusedError) return failure;
  throw failure;
}

const COLUMNS = METRIC_COLUMNS.join(", ");
const INITIAL_SLAB_BYTES = 256 * 1_024;
const NOTHING: Landing = { copied: 0, staged: 0, repeats: 0, conflicts: 0, refused: [] };
