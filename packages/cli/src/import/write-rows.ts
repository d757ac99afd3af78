import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { fromStagedConflicts, moveStagedRows } from "@fiberstream/postgres/staged-rows";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { MetricsColumns } from "./metrics-columns.ts";

/** An event, and its row and line in the file. */
export type EventRow = { readonly row: number; readonly line: number; readonly event: ProbeMetric };

export type WrittenRows = {
  readonly inserted: number;
  readonly repeated: number;
  readonly inConflict: number;
  readonly nodesAdded: number;
};

/**
 * Inserts events into `metrics` as the sink does: rows that are stored already are left out, and kept in
 * metric_conflicts if their content differs; missing nodes are added, and roll-ups are marked.
 *
 * @param client in a transaction that the caller has begun
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {RowRefusedError} when PostgreSQL rejects a value
 */
export async function writeRows(
  client: PgClient,
  rows: readonly EventRow[],
  metrics: MetricsColumns,
): Promise<WrittenRows> {
  if (rows.length === 0) return { inserted: 0, repeated: 0, inConflict: 0, nodesAdded: 0 };
  await query(client, CREATE_STAGING);
  await query(client, fillStagingOf(metrics), [jsonOf(rows, metrics)]);
  const nodes = await query(client, ADD_NODES);
  await query(client, MARKS_BY_ITSELF);
  await query(client, MARK_ROLL_UPS);
  const { length: inserted } = await query(client, moveNewOf(metrics));
  const left = rows.length - inserted;
  const conflicts = left === 0 ? [] : await query(client, keepConflictsOf(metrics));
  return {
    inserted,
    repeated: left - conflicts.length,
    inConflict: conflicts.length,
    nodesAdded: nodes.length,
  };
}

/** Returns how many of the events are not in `metrics` yet, and how many nodes not in `nodes`; changes nothing. */
export async function countNew(
  pool: PgPool,
  rows: readonly EventRow[],
): Promise<{ readonly events: number; readonly nodes: readonly string[] }> {
  const nodeIds = rows.map(({ event }) => event.node_id);
  return inTransaction(pool, async (client) => {
    const [found] = await query<{ stored: number }>(client, COUNT_STORED, [
      nodeIds,
      rows.map(({ event }) => event.timestamp),
      rows.map(({ event }) => event.event_id),
    ]);
    const nodes = await query<{ node_id: string }>(client, SELECT_MISSING_NODES, [nodeIds]);
    return {
      events: new Set(rows.map(({ event }) => event.event_id)).size - (found?.stored ?? 0),
      nodes: nodes.map(({ node_id }) => node_id),
    };
  });
}

const jsonOf = (rows: readonly EventRow[], { jsonOf: json }: MetricsColumns): string =>
  `[${rows.map(({ row, event }) => json(event, row)).join(",")}]`;

const STAGING = { table: "import_staging", numberColumn: "import_row" };

// Exists as long as the connection.
const CREATE_STAGING = `
  CREATE TEMP TABLE IF NOT EXISTS import_staging (
    LIKE metrics INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED,
    import_row bigint
  ) ON COMMIT DELETE ROWS`;

// The server parses the values by the columns' types, so that a new column needs no code here.
const fillStagingOf = ({ list }: MetricsColumns) => `
  INSERT INTO import_staging (${list}, import_row)
  SELECT ${list}, import_row FROM json_populate_recordset(NULL::import_staging, $1::json)`;

// A node whose past is imported has not reported now: it is silent until it does. The sink then marks it as reporting.
const ADD_NODES = `
  INSERT INTO nodes (node_id, status, silent_since, last_seen_at, tenant, country, region)
  SELECT DISTINCT ON (node_id) node_id, 'inactive', received_at, received_at, tenant, country, region
  FROM import_staging
  ORDER BY node_id, received_at DESC
  ON CONFLICT DO NOTHING
  RETURNING node_id`;

// Otherwise all rows of metrics would be compared with the roll-ups again.
const MARKS_BY_ITSELF = `SET LOCAL fiberstream.marks = 'by-writer'`;
// Before rows leave the staging table: the mark of a row that is stored already only means to look again.
const MARK_ROLL_UPS = `
  SELECT rollup_mark(array_agg(node_id::text), array_agg(minute))
  FROM (
    SELECT DISTINCT node_id, date_bin('1 minute', time, to_timestamp(0)) AS minute
    FROM import_staging
  ) AS pairs`;

const moveNewOf = ({ list }: MetricsColumns) =>
  `${moveStagedRows(STAGING, { columns: list, order: "time, node_id, import_row" })} RETURNING import_row`;

// A conflict that was found before, by an earlier import of the same rows, is not kept twice.
const keepConflictsOf = (metrics: MetricsColumns) => `
  WITH conflicts AS (
    SELECT staged.time, staged.node_id, staged.event_id, to_jsonb(stored) AS stored,
           to_jsonb(staged) - 'import_row' AS received
    ${fromStagedConflicts(STAGING, metrics)}
  ), kept AS (
    INSERT INTO metric_conflicts (time, node_id, event_id, stored, received)
    SELECT * FROM conflicts WHERE NOT EXISTS (
      SELECT FROM metric_conflicts AS known
      WHERE known.node_id = conflicts.node_id AND known.time = conflicts.time
        AND known.event_id = conflicts.event_id AND known.received = conflicts.received
    )
  )
  SELECT event_id FROM conflicts`;

const COUNT_STORED = `
  SELECT count(*)::integer AS stored
  FROM (
    SELECT DISTINCT node_id, 'epoch'::timestamptz + micros * interval '1 microsecond' AS time, event_id
    FROM unnest($1::text[], $2::bigint[], $3::uuid[]) AS wanted (node_id, micros, event_id)
  ) AS wanted
  WHERE EXISTS (
    SELECT FROM metrics
    WHERE metrics.node_id = wanted.node_id AND metrics.time = wanted.time
      AND metrics.event_id = wanted.event_id
  )`;

const SELECT_MISSING_NODES = `
  SELECT DISTINCT node_id FROM unnest($1::text[]) AS wanted (node_id)
  WHERE NOT EXISTS (SELECT FROM nodes WHERE nodes.node_id = wanted.node_id)`;
