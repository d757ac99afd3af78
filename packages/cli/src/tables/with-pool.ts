import { type Attempt, attemptAs, attemptOutside } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { createPool, type PgClient, type PgPool } from "@fiberstream/postgres/pool";
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

/**
 * Runs `work` in a transaction of the database at DATABASE_URL, whose entries in the audit log name whoever runs this command. A try
 * that fails is an entry, too.
 */
export const changeAsOperator = <T>(
  attempt: Attempt,
  work: (client: PgClient) => Promise<T>,
): Promise<T> => withPool((pool) => attemptAs(pool, operator(), attempt, work));

/**
 * Runs `work` that changes something outside of the database, and logs its begin and end in the audit log of the database at
 * DATABASE_URL. Nothing is changed if that cannot be logged.
 *
 * @param options.isDry whether nothing will be changed; then nothing is logged, and no database is needed
 * @param options.summaryOf what the log has of the result
 */
export async function logged<T>(
  attempt: Attempt,
  options: { isDry: boolean; summaryOf: (result: T) => Readonly<Record<string, unknown>> },
  work: () => Promise<T>,
): Promise<T> {
  const { isDry, summaryOf } = options;
  if (isDry) return work();
  return withPool((pool) => attemptOutside(pool, operator(), attempt, work, summaryOf));
}
