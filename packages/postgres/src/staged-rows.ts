import { type ContentColumns, rowContent } from "./row-content.ts";

/** A staging table: the columns of `metrics`, and a column that numbers its rows. */
export type Staging = { readonly table: string; readonly numberColumn: string };

/**
 * Returns SQL that moves the rows of a staging table to `metrics`. Those whose identity is stored already stay. Of rows with
 * the same identity the one with the lowest number is moved. The statement's count of rows is how many were moved.
 *
 * Moved rows are deleted from the staging table, so that only the rest is looked up in `metrics` again: a look-up costs as
 * much as an insert (8 us).
 *
 * @param options.columns the columns of `metrics` that have values
 * @param options.order in which the rows are inserted
 */
export const moveStagedRows = (
  { table, numberColumn }: Staging,
  { columns, order }: { columns: string; order: string },
): string => `
  WITH inserted AS (
    INSERT INTO metrics (${columns})
    SELECT ${columns} FROM ${table} ORDER BY ${order}
    ON CONFLICT DO NOTHING
    RETURNING node_id, time, event_id
  )
  DELETE FROM ${table} WHERE ${numberColumn} IN (
    SELECT min(${numberColumn})
    FROM ${table} JOIN inserted USING (node_id, time, event_id)
    GROUP BY node_id, time, event_id
  )`;

/**
 * Returns the FROM and WHERE clauses of a query for the rows of a staging table that are in conflict: `staged`, and the row
 * `stored` that has the same identity and other content.
 *
 * Compares the fields of the role content, without those that differ each time the probe sends the event (received_at, what
 * the processor derives) and without the identity. The planner does not know the staging table's size: LIMIT makes it look
 * into the identity index once for each row.
 */
export const fromStagedConflicts = ({ table }: Staging, content: ContentColumns): string => `
  FROM ${table} AS staged
  CROSS JOIN LATERAL (
    SELECT * FROM metrics
    WHERE metrics.node_id = staged.node_id
      AND metrics.time = staged.time
      AND metrics.event_id = staged.event_id
    LIMIT 1
  ) AS stored
  WHERE ${rowContent("staged", content)} IS DISTINCT FROM ${rowContent("stored", content)}`;
