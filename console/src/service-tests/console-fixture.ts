import { createReaderKey } from "@fiberstream/access/reader-key-table";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import type { z } from "zod";
import { documentedRoutes } from "../openapi/documented-routes.ts";

export type TestConsole = {
  readonly service: RunningService;
  readonly pool: PgPool;
  readonly databaseUrl: string;
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** Asks, and returns the body of a 200 after comparing it with the schema of its route. */
  readonly answer: <Body>(path: string) => Promise<Body>;
};

/** Starts a console as a process on a database of its own, with the rights of its owner or those that it has when installed. */
export async function startTestConsole(
  life: Life,
  environment: Readonly<Record<string, string>> = {},
  options: { hasOwnRole?: boolean } = {},
): Promise<TestConsole> {
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 2, log }),
    (owned) => owned.end(),
  );
  const service = life.own(
    await startService("console", {
      DATABASE_URL: options.hasOwnRole ? withRole(database.url) : database.url,
      ...environment,
    }),
    async (owned) => {
      const code = await owned.stop();
      if (code !== 0) throw new Error(`the console ended with ${code}. Its log:\n${owned.logs()}`);
    },
  );
  const ask = (path: string, init?: RequestInit) => fetch(`${service.url}${path}`, init);
  return {
    service,
    pool,
    databaseUrl: database.url,
    ask,
    answer: async <Body>(path: string) => {
      const response = await ask(path);
      const body: unknown = await response.json();
      if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`);
      schemaOf(path).parse(body);
      return body as Body;
    },
  };
}

/** With no more rights in the database than in an installation. */
const withRole = (url: string): string => {
  const address = new URL(url);
  address.searchParams.set("options", "-c role=fiberstream_console");
  return address.href;
};

/**
 * Makes a reader key, and returns the headers that show it.
 * @param tenant null: of all tenants
 */
export async function readerHeaders(
  pool: PgPool,
  tenant: string | null,
  rights: { may_change_nodes?: boolean; may_redrive?: boolean } = {},
): Promise<{ authorization: string }> {
  const { token } = await createReaderKey(pool, {
    tenant,
    may_change_nodes: false,
    rate_per_second: null,
    burst: null,
    note: null,
    expires_at: null,
    ...rights,
  });
  return { authorization: `Bearer ${token}` };
}

/** Returns the value of a metric, such as `fiberstream_console_waiting_questions`, with its labels if it has some. */
export async function metricOf({ service }: TestConsole, series: string): Promise<number> {
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  if (line === undefined) throw new Error(`there is no metric ${series}`);
  return Number(line.slice(series.length + 1));
}

const log = createLog({ service: "test", level: "silent", format: "json" });
const ROUTES = documentedRoutes();

/** Returns the schema of the answer to a GET, the most exact path first. */
function schemaOf(url: string): z.ZodType {
  const path = url.split("?")[0] ?? "";
  const found = ROUTES.filter(({ method }) => method === "GET").find(({ path: template }) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
  );
  if (found === undefined) throw new Error(`there is no route ${path}`);
  return found.success.schema;
}

/** Inserts events of a node, one a minute before `at`, the newest first. */
export const insertEvents = (
  pool: PgPool,
  options: { node: string; count: number; tenant?: string; at?: Date; latencyMs?: number },
) => {
  const { node, count, tenant = "default", at = new Date(), latencyMs = 10 } = options;
  return pool.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                          region, probe_type, enrichment_status, metadata)
     SELECT $3::timestamptz - n * interval '1 minute', $3, $5 + n, 100, 0, gen_random_uuid(), $1, $4, 'GH', 'Accra',
            'ping', 'complete', '{"big": 12345678901234567890}'
     FROM generate_series(0, $2::integer - 1) AS n`,
    [node, count, at, tenant, latencyMs],
  );
};

export const insertNode = (pool: PgPool, node: string) =>
  pool.query(
    "INSERT INTO nodes (node_id, status, country, region) VALUES ($1, 'reporting', 'GH', 'Accra')",
    [node],
  );

/** Computes what waits to be rolled up, as the sink's worker does. */
export async function refreshRollUps(pool: PgPool): Promise<void> {
  // A new database begins with a backfill, which would do that hour by hour.
  await pool.query("UPDATE rollup_state SET backfilled_from = backfill_to");
  await pool.query("DELETE FROM rollup_unmarked");
  await pool.query("SELECT rollup_mark(array_agg(node_id::text), array_agg(time)) FROM metrics");
  await until(
    async () => {
      for (const width of [1, 5, 60, 1_440]) {
        await pool.query("SELECT rollup_refresh($1::integer, 'infinity', 10000)", [width]);
      }
      return (await pool.query("SELECT FROM rollup_marks LIMIT 1")).rowCount === 0;
    },
    { what: "everything is rolled up" },
  );
}
