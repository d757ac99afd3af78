import type { PgClient } from "@fiberstream/postgres/pool";
import { isOptional } from "@fiberstream/schemas/probe-fields";
import { countRepeatsIn } from "../maintenance/quality-sql.ts";
import { columnList, EXTRA_COLUMN, quoted, type TableLayout } from "../tuples/table-layout.ts";

export const STAGING_TABLE = "metrics_staging";

/** Where each staged row came from, in the order in which they were staged. */
export type StagedOrigins = {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly offsets: readonly string[];
};

export type InsertThroughStaging = (
  client: PgClient,
  fill: () => Promise<void>,
  origins: StagedOrigins,
) => Promise<Inserted>;

/** What became of staged rows, by their place among them, from 0. */
export type Inserted = {
  readonly inserted: number;
  /** Stored already, those in conflict among them. */
  readonly leftOut: readonly number[];
  readonly inConflict: readonly number[];
};

/**
 * Inserts what `fill` puts into the staging table, leaving out rows whose identity is stored already;
 * those among them that have other content are kept in metric_conflicts, with both versions. How many a node
 * had is counted in metric_quality_daily; what a rewound sink reads again counts, too.
 * The function throws what the server or the network says, as it came.
 */
export function createInsertThroughStaging(layout: TableLayout): InsertThroughStaging {
  const insertNew = insertNewOf(columnList(layout));
  const keepConflicts = keepConflictsOf(layout);
  return async (client, fill, { topic, partitions, offsets }) => {
    await client.query(EMPTY_STAGING);
    await fill();
    const { rows } = await client.query<{ place: string }>(SELECT_FIRST_PLACE);
    const { rowCount } = await client.query(insertNew);
    const inserted = rowCount ?? 0;
    if (inserted === offsets.length) return { inserted, leftOut: [], inConflict: [] };
    const firstPlace = rows[0]?.place;
    const left = await client.query<{ places: number[] }>(SELECT_LEFT_OUT, [firstPlace]);
    const conflicts = await client.query<{ partition: number; offset: string }>(keepConflicts, [
      topic,
      partitions,
      offsets,
      firstPlace,
    ]);
    await client.query(COUNT_REPEATS);
    const isInConflict = new Set(conflicts.rows.map((row) => `${row.partition} ${row.offset}`));
    const leftOut = left.rows[0]?.places ?? [];
    const inConflict = leftOut.filter((place) =>
      isInConflict.has(`${partitions[place]} ${offsets[place]}`),
    );
    return { inserted, leftOut, inConflict };
  };
}

// Lives as long as the connection. Emptied first, because the halves of a batch use it one after another.
// Columns that the table fills itself are filled here too: they may be NOT NULL.
const EMPTY_STAGING = `
  CREATE TEMP TABLE IF NOT EXISTS ${STAGING_TABLE} (
    LIKE metrics INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED,
    place bigint GENERATED ALWAYS AS IDENTITY
  ) ON COMMIT DELETE ROWS;
  DELETE FROM ${STAGING_TABLE}`;

const SELECT_FIRST_PLACE = `SELECT min(place) AS place FROM ${STAGING_TABLE}`;

// What was inserted has left the table.
const SELECT_LEFT_OUT = `
  SELECT coalesce(array_agg((place - $1)::integer ORDER BY place), '{}') AS places FROM ${STAGING_TABLE}`;

const COUNT_REPEATS = countRepeatsIn(STAGING_TABLE);

// Of rows with the same identity the one that was copied first wins. What was inserted leaves the staging
// table, so that only the rest is looked up in metrics again: a look costs as much as an insert (8 us).
const insertNewOf = (columns: string) => `
  WITH inserted AS (
    INSERT INTO metrics (${columns})
    SELECT ${columns} FROM ${STAGING_TABLE} ORDER BY place
    ON CONFLICT DO NOTHING
    RETURNING node_id, time, event_id
  )
  DELETE FROM ${STAGING_TABLE} WHERE place IN (
    SELECT min(place)
    FROM ${STAGING_TABLE} JOIN inserted USING (node_id, time, event_id)
    GROUP BY node_id, time, event_id
  )`;

/**
 * Returns the values by which two rows of the same identity are compared. A field that got its column by a migration is
 * in `extra` of the rows that are older than the column, so that a duplicate of one of these has the value in the other place.
 */
function contentOf(row: string, layout: TableLayout): string {
  const values = layout.contentFields.flatMap((field) => {
    const column = layout.columns.find((one) => one.field === field.name);
    if (column !== undefined && !isOptional(field)) return [`${row}.${quoted(column.name)}`];
    const places = [
      ...(column === undefined ? [] : [`to_jsonb(${row}.${quoted(column.name)})`]),
      ...(layout.hasExtra ? [`${row}.${EXTRA_COLUMN} -> ${literal(field.name)}`] : []),
    ];
    // A row without the value is older than the field, or has the default, which extra does not keep.
    if (field.default !== null && field.default !== undefined) {
      places.push(`${literal(JSON.stringify(field.default))}::jsonb`);
    }
    return places.length === 0 ? [] : [`coalesce(${places.join(", ")})`];
  });
  return `ROW(${values.join(", ")})`;
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

// Without what differs each time that a probe sends it again (received_at, what the processor
// derives) and without what is in the identity. LIMIT keeps the planner, which knows nothing of the
// staging table's size, to one look into the identity index for each row. A record that is read again
// is found to be in conflict again: it is kept once.
const keepConflictsOf = (layout: TableLayout) => `
  INSERT INTO metric_conflicts
    (time, node_id, event_id, stored, received, topic, partition, record_offset)
  SELECT staged.time, staged.node_id, staged.event_id,
         to_jsonb(first), to_jsonb(staged) - 'place', $1,
         ($2::integer[])[(staged.place - $4::bigint + 1)::integer],
         ($3::bigint[])[(staged.place - $4::bigint + 1)::integer]
  FROM ${STAGING_TABLE} AS staged
  CROSS JOIN LATERAL (
    SELECT * FROM metrics
    WHERE metrics.node_id = staged.node_id
      AND metrics.time = staged.time
      AND metrics.event_id = staged.event_id
    LIMIT 1
  ) AS first
  WHERE ${contentOf("staged", layout)} IS DISTINCT FROM ${contentOf("first", layout)}
  ON CONFLICT DO NOTHING
  RETURNING partition, record_offset AS "offset"`;
