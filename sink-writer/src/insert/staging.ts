import type { PgClient } from "@fiberstream/postgres/pool";
import { fromStagedConflicts, moveStagedRows } from "@fiberstream/postgres/staged-rows";
import { countRepeatsIn } from "../maintenance/quality-sql.ts";
import { removeErased } from "./erased-rows.ts";
import { columnList, type TableLayout } from "../tuples/table-layout.ts";

export const STAGING_TABLE = "metrics_staging";
const STAGING = { table: STAGING_TABLE, numberColumn: "staging_seq" };

/** Where each staged row came from, in the order in which they were staged. */
export type StagedOrigins = {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly offsets: readonly string[];
  /** Whether some of them may have been erased by an operator. */
  readonly mayBeErased: boolean;
};

export type InsertThroughStaging = (
  client: PgClient,
  fill: () => Promise<void>,
  origins: StagedOrigins,
) => Promise<Inserted>;

/** The result for the staged rows. A row's index counts from 0. */
export type Inserted = {
  readonly inserted: number;
  /** Indexes of the rows that were left out: stored already, conflicts included, or erased. */
  readonly leftOut: readonly number[];
  readonly inConflict: readonly number[];
  readonly erased: readonly number[];
};

/**
 * Returns a function that inserts what `fill` puts into the staging table, without the rows whose identity is stored
 * already. Of these, rows with other content are added to metric_conflicts, with both versions. metric_quality_daily
 * counts the duplicates of each node, also those that a rewound sink reads again. Rows that an operator has erased leave no trace.
 * The function throws the server's or the network's error, unchanged.
 */
export function createInsertThroughStaging(layout: TableLayout): InsertThroughStaging {
  const moveNew = moveStagedRows(STAGING, { columns: columnList(layout), order: "staging_seq" });
  const keepConflicts = keepConflictsOf(layout);
  return async (client, fill, { topic, partitions, offsets, mayBeErased }) => {
    await client.query(EMPTY_STAGING);
    await fill();
    const { rows } = await client.query<{ seq: string }>(SELECT_FIRST_SEQ);
    const firstSeq = rows[0]?.seq;
    const erased = mayBeErased
      ? await removeErased(client, { table: STAGING_TABLE, firstSeq })
      : [];
    const { rowCount } = await client.query(moveNew);
    const inserted = rowCount ?? 0;
    if (inserted === offsets.length) return { inserted, leftOut: [], inConflict: [], erased };
    const left = await client.query<{ indexes: number[] }>(SELECT_LEFT_OUT, [firstSeq]);
    const conflicts = await client.query<{ partition: number; offset: string }>(keepConflicts, [
      topic,
      partitions,
      offsets,
      firstSeq,
    ]);
    await client.query(COUNT_REPEATS);
    const isInConflict = new Set(conflicts.rows.map((row) => `${row.partition} ${row.offset}`));
    const leftOut = [...(left.rows[0]?.indexes ?? []), ...erased].toSorted((a, b) => a - b);
    const inConflict = leftOut.filter((index) =>
      isInConflict.has(`${partitions[index]} ${offsets[index]}`),
    );
    return { inserted, leftOut, inConflict, erased };
  };
}

// Exists as long as the connection. Emptied first, because the halves of a batch use it one after another.
// Columns with a default or a generated value get it here too: they may be NOT NULL.
const EMPTY_STAGING = `
  CREATE TEMP TABLE IF NOT EXISTS ${STAGING_TABLE} (
    LIKE metrics INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED,
    staging_seq bigint GENERATED ALWAYS AS IDENTITY
  ) ON COMMIT DELETE ROWS;
  DELETE FROM ${STAGING_TABLE}`;

const SELECT_FIRST_SEQ = `SELECT min(staging_seq) AS seq FROM ${STAGING_TABLE}`;

// The rows that were inserted are no longer in the staging table.
const SELECT_LEFT_OUT = `
  SELECT coalesce(array_agg((staging_seq - $1)::integer ORDER BY staging_seq), '{}') AS indexes
  FROM ${STAGING_TABLE}`;

const COUNT_REPEATS = countRepeatsIn(STAGING_TABLE);

// A record that is read again is in conflict again: it is stored once.
const keepConflictsOf = (layout: TableLayout) => `
  INSERT INTO metric_conflicts
    (time, node_id, event_id, stored, received, topic, partition, record_offset)
  SELECT staged.time, staged.node_id, staged.event_id,
         to_jsonb(stored), to_jsonb(staged) - 'staging_seq', $1,
         ($2::integer[])[(staged.staging_seq - $4::bigint + 1)::integer],
         ($3::bigint[])[(staged.staging_seq - $4::bigint + 1)::integer]
  ${fromStagedConflicts(STAGING, layout)}
  ON CONFLICT DO NOTHING
  RETURNING partition, record_offset AS "offset"`;
