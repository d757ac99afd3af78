import type { Client } from "pg";
import type { Progress } from "../../harness/progress.ts";

const ROWS_A_STATEMENT = 1_000_000;
const NODES = 1_000;

/**
 * Fills the table with rows like the load's, made by the server, in the chunk that the load writes to: the
 * hour before now. Their index is built afterwards, packed, which is quicker than growing it.
 */
export async function prefillTable(sql: Client, rows: number, progress: Progress): Promise<void> {
  progress.step(`filling the table with ${rows.toLocaleString("en")} rows`, rows);
  await sql.query("DROP INDEX metrics_identity");
  for (let from = 0; from < rows; from += ROWS_A_STATEMENT) {
    const to = Math.min(rows, from + ROWS_A_STATEMENT);
    await sql.query(INSERT_ROWS, [from, to - 1, NODES, rows]);
    progress.done(to);
  }
  await sql.query("SET maintenance_work_mem = '1GB'");
  await sql.query("CREATE UNIQUE INDEX metrics_identity ON metrics (node_id, time, event_id)");
  await sql.query("VACUUM ANALYZE metrics");
  await sql.query("CHECKPOINT");
}

const INSERT_ROWS = `
  INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant,
                       country, region, target_host, probe_type, enrichment_status, metadata)
  SELECT now() - (1 - place / $4::float8) * interval '1 hour', now(), 42.5, 99.9, 0.5, gen_random_uuid(),
         'old-' || lpad((place % $3)::text, 7, '0'), 'default', 'GH', 'Greater Accra', 'one.example.net',
         'ping', 'complete', '{"version": "2.1.0", "carrier": "example-net"}'
  FROM generate_series($1::bigint, $2::bigint) AS place`;
