import { createPool, type PgPool, query } from "@fiberstream/postgres/pool";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";

export type SampleDatabase = {
  /** With the permissions of the sink's role, and with its commits that do not wait for the disk. */
  readonly pool: PgPool;
  /** Connected as the tables' owner, for what the sink itself may not do. */
  readonly owner: PgPool;
  /** The single value that a query returns. */
  readonly valueOf: (sql: string, values?: readonly unknown[]) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

/** A migrated database for one test file. */
export async function openSampleDatabase(): Promise<SampleDatabase> {
  const life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const connect = (serverSettings: Record<string, string>) =>
    life.own(
      createPool({
        databaseUrl: database.url,
        applicationName: "test",
        maxConnections: 4,
        serverSettings,
        log: createLog({ service: "test", level: "silent", format: "json" }),
      }),
      (owned) => owned.end(),
    );
  const owner = connect({});
  return {
    pool: connect({ role: "fiberstream_sink", synchronous_commit: "off" }),
    owner,
    valueOf: async (sql, values = []) => {
      const [row] = await query<Record<string, unknown>>(owner, sql, values);
      return row && Object.values(row)[0];
    },
    close: life.stop,
  };
}
