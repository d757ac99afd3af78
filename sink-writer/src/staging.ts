import type { PgClient } from "@fiberstream/postgres/pool";
import { METRIC_COLUMNS } from "./metric-row.ts";

export const STAGING_TABLE = "metrics_staging";

/**
 * Inserts what `fill` puts into the staging table, leaving out rows whose identity is stored already;
 * those among them that have other content are kept in metric_conflicts.
 * @throws what the server or the network says, as it came
 */
export async function insertThroughStaging(
  client: PgClient,
  fill: () => Promise<void>,
): Promise<{ inserted: number; conflicts: number }> {
  await client.query(EMPTY_STAGING);
  await fill();
  const { rowCount: inserted } = await client.query(INSERT_NEW);
  const { rowCount: conflicts } = await client.query(KEEP_CONFLICTS);
  return { inserted: inserted ?? 0, conflicts: conflicts ?? 0 };
}

const COLUMNS = METRIC_COLUMNS.join(", ");

// Lives as long as the connection. Emptied first, because the halves of a batch use it one after another.
const EMPTY_STAGING = `
  CREATE TEMP TABLE IF NOT EXISTS ${STAGING_TABLE} (LIKE metrics) ON COMMIT DELETE ROWS;
  DELETE FROM ${STAGING_TABLE}`;

// Rows come back in the order in which they were copied, so that the first of two equals wins.
const INSERT_NEW = `
  INSERT INTO metrics (${COLUMNS})
  SELECT ${COLUMNS} FROM ${STAGING_TABLE}
  ON CONFLICT DO NOTHING`;

// What a probe says, without what differs each time it says it again (received_at, enrichment_status)
// and without what is in the identity. LIMIT keeps the planner, which knows nothing of the staging
// table's size, to one look into the identity index for each row.
const KEEP_CONFLICTS = `
  INSERT INTO metric_conflicts (${COLUMNS})
  SELECT ${METRIC_COLUMNS.map((column) => `staged.${column}`).join(", ")}
  FROM ${STAGING_TABLE} AS staged
  CROSS JOIN LATERAL (
    SELECT * FROM metrics
    WHERE metrics.node_id = staged.node_id
      AND metrics.time = staged.time
      AND metrics.event_id = staged.event_id
    LIMIT 1
  ) AS stored
  WHERE (staged.latency_ms, staged.uptime_pct, staged.packet_loss,
         staged.country, staged.region, staged.metadata)
        IS DISTINCT FROM
        (stored.latency_ms, stored.uptime_pct, stored.packet_loss,
         stored.country, stored.region, stored.metadata)`;
