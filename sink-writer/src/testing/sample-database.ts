import { createPool, type PgPool, query } from "@fiberstream/postgres/pool";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";

export type SampleDatabase = {
  readonly pool: PgPool;
  /** The single value that a query returns. */
  readonly valueOf: (sql: string, values?: readonly unknown[]) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

/** A migrated database of one test file's own. */
export async function openSampleDatabase(): Promise<SampleDatabase> {
  const life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const pool = life.own(
    createPool({
      databaseUrl: database.url,
      applicationName: "test",
      maxConnections: 4,
      log: createLog({ service: "test", level: "silent", format: "json" }),
    }),
    (owned) => owned.end(),
  );
  return {
    pool,
    valueOf: async (sql, values = []) => {
      const [row] = await query<Record<string, unknown>>(pool, sql, values);
      return row && Object.values(row)[0];
    },
    close: life.stop,
  };
}
