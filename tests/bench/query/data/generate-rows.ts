import pg from "pg";
import type { Progress } from "../../harness/progress.ts";
import { countryOf, type DataPlan, type DataSpan, nodeIdOf, regionOf } from "./plan.ts";

const ROWS_PER_STATEMENT = 250_000;
/** Generating is work of the CPU. */
const CONNECTIONS = 2;

/**
 * Generates nodes and rows in the database, in the order of time, as the sink would have written them: the nodes send in turns,
 * each at equal intervals. They are not marked: the worker that computes roll-ups finds all of them by itself. The index is
 * built afterwards, which is faster than updating it.
 */
export async function generateRows(
  databaseUrl: string,
  { plan, span, progress }: { plan: DataPlan; span: DataSpan; progress: Progress },
): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'");
      return client;
    }),
  );
  const [first] = clients;
  if (first === undefined) return;
  try {
    await insertNodes(first, plan, span);
    await first.query("DROP INDEX metrics_identity");
    progress.step(`generating ${plan.rows.toLocaleString("en")} rows`, plan.rows);
    let next = 0;
    let done = 0;
    const insert = async (client: pg.Client) => {
      while (next < plan.rows) {
        const from = next;
        next = Math.min(plan.rows, from + ROWS_PER_STATEMENT);
        const until = next;
        await client.query(INSERT_ROWS, [
          from,
          until - 1,
          plan.nodes,
          span.from,
          (span.to.getTime() - span.from.getTime()) / plan.rows / 1_000,
          plan.seed,
        ]);
        done += until - from;
        progress.done(done);
      }
    };
    await Promise.all(clients.map(insert));
    progress.step("building the index of the rows");
    await first.query("CREATE UNIQUE INDEX metrics_identity ON metrics (node_id, time, event_id)");
    progress.step("vacuuming the rows");
    await first.query("VACUUM ANALYZE metrics");
    await first.query("VACUUM ANALYZE nodes");
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function insertNodes(client: pg.Client, { nodes }: DataPlan, { to }: DataSpan) {
  const numbers = Array.from({ length: nodes }, (_, node) => node);
  await client.query(
    `INSERT INTO nodes (node_id, status, tenant, country, region, last_seen_at, lat, lng)
     SELECT node_id, 'reporting', 'default', country, region, $4, number % 180 - 90, number % 360 - 180
     FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS node (node_id, country, region, number)`,
    [numbers.map(nodeIdOf), numbers.map(countryOf), numbers.map(regionOf), to],
  );
}

// Each node has a latency of its own, which varies by a factor of about 2; one event of 256 has none. Two 24-bit numbers of one
// hash are enough, because hashing is what costs.
const INSERT_ROWS = `
  INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region,
                       target_host, probe_type, enrichment_status, metadata, anomaly_score, quality, sent, received)
  SELECT at, at + interval '80 ms',
         CASE WHEN NOT is_out THEN floor((4 + node % 97) * exp(one + two - 1) * 1000) / 1000 END,
         CASE WHEN is_out THEN 0 ELSE 99.9 END, CASE WHEN is_out THEN 100 ELSE floor(two * 4) / 2 END,
         md5($6::bigint || ' ' || place)::uuid, nodes.node_id, nodes.tenant, nodes.country, nodes.region,
         'one.example.net', 'ping', 'complete', '{"version": "2.1.0", "carrier": "example-net"}',
         CASE WHEN one > 0.998 THEN 0.75 ELSE floor(one * 100) / 250 END, 'good', 10, CASE WHEN is_out THEN 0 ELSE 10 END
  FROM (
    SELECT place, (place % $3::bigint)::integer AS node,
           $4::timestamptz + place * $5::double precision * interval '1 s' AS at,
           (hash & 16777215) / 16777216.0::double precision AS one,
           (hash >> 24 & 16777215) / 16777216.0::double precision AS two,
           hash >> 48 & 255 = 0 AS is_out
    FROM generate_series($1::bigint, $2::bigint) AS place
    CROSS JOIN LATERAL (SELECT hashint8extended(place, $6::bigint)) AS hashed (hash)
  ) AS event
  JOIN nodes ON nodes.node_id = 'probe-' || lpad(node::text, 6, '0')`;
