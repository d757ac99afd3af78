import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";

/** Runs `work` with a connection pool for the database at DATABASE_URL. */
export async function withPool<T>(
  work: (pool: PgPool) => Promise<T>,
  { maxConnections = 1 }: { maxConnections?: number } = {},
): Promise<T> {
  const pool = createPool({
    ...readConfig(postgresSettings()),
    applicationName: "fiber",
    maxConnections,
    log: createLog({ service: "fiber", level: "error", format: "auto" }),
  });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
