import { createPool, type PgPool, query } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { type AuditRow, entryTextOf, hashOf } from "../log/audit-row.ts";
import { readLog } from "../log/read-log.ts";
import { type Finding, verifyEntries } from "../log/verify-entries.ts";

/** The log of a database of its own, for the owner of the database. */
export type LogFixture = Awaited<ReturnType<typeof createLogFixture>>;

export async function createLogFixture({ maxConnections = 4 } = {}) {
  const database = await createTestDatabase();
  const pool = createPool({
    databaseUrl: database.url,
    applicationName: "test",
    maxConnections,
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });

  const rows = async (): Promise<AuditRow[]> => {
    const all: AuditRow[] = [];
    for await (const batch of readLog(pool)) all.push(...batch);
    return all;
  };

  return {
    url: database.url,
    pool,
    rows,
    run: <Row extends Record<string, unknown>>(text: string, values: unknown[] = []) =>
      query<Row>(pool, text, values),
    /** Runs a statement that the triggers refuse, as only the owner can. */
    attack: async (text: string, values: unknown[] = []) => {
      await query(pool, "ALTER TABLE audit_log DISABLE TRIGGER audit_append_only");
      await query(pool, text, values);
      await query(pool, "ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_append_only");
    },
    verify: () => verifyAll(pool),
    end: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

export async function verifyAll(pool: PgPool): Promise<{ entries: number; findings: Finding[] }> {
  const findings: Finding[] = [];
  let entries = 0;
  const onFinding = (finding: Finding) => findings.push(finding);
  for await (const verified of verifyEntries(readLog(pool), { onFinding })) {
    entries += verified.length;
  }
  return { entries, findings };
}

/** Returns a row with the bytes and hash that belong to its columns, as who builds the chain again would make it. */
export function rehashed(row: AuditRow): AuditRow {
  const entry = Buffer.from(entryTextOf(row));
  return { ...row, entry, hash: hashOf({ ...row, entry }) };
}
