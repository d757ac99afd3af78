import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createPool, inTransaction, type PgClient, type PgPool, query } from "./pool.ts";
import { RowRefusedError } from "./postgres-errors.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const poolAt = (databaseUrl: string) =>
  createPool({ databaseUrl, applicationName: "test", maxConnections: 2, log });

let pool: PgPool;
beforeEach(() => {
  pool = poolAt(addresses.databaseUrl);
});
afterEach(() => pool.end());

describe("pool", () => {
  it("commits what returns and rolls back what throws", async () => {
    const table = `pool_test_${process.pid}`;
    await query(pool, `CREATE TABLE ${table} (value int NOT NULL)`);
    try {
      await inTransaction(pool, (client) => query(client, `INSERT INTO ${table} VALUES (1)`));
      const failing = inTransaction(pool, async (client) => {
        await query(client, `INSERT INTO ${table} VALUES (2)`);
        await query(client, `INSERT INTO ${table} VALUES (NULL)`);
      });
      await expect(failing).rejects.toBeInstanceOf(RowRefusedError);
      expect(await query(pool, `SELECT value FROM ${table}`)).toEqual([{ value: 1 }]);
    } finally {
      await query(pool, `DROP TABLE ${table}`);
    }
  });

  it("outlives a connection that is cut while in use, and says that it may be tried again", async () => {
    const cut = inTransaction(pool, async (client) => {
      const [backend] = await query<{ pid: number }>(client, "SELECT pg_backend_pid() AS pid");
      await query(pool, "SELECT pg_terminate_backend($1)", [backend?.pid]);
      await query(client, "SELECT 1");
    });
    await expect(cut).rejects.toBeInstanceOf(TransientError);
    expect(await query(pool, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("does not take a rolled back transaction for a committed one", async () => {
    const table = `pool_lost_${process.pid}`;
    const lost = inTransaction(pool, async (client) => {
      await client.query(`CREATE TABLE ${table} (value int)`);
      await client.query("SELECT 1 / 0").catch(() => undefined);
    });
    await expect(lost).rejects.toBeInstanceOf(TransientError);
    expect(await query(pool, `SELECT to_regclass('${table}') AS found`)).toEqual([{ found: null }]);
  });

  it.each([
    ["25006", "SET TRANSACTION READ ONLY; CREATE TABLE never (value int)", "destroys"],
    ["40P01", "DO $$ BEGIN RAISE 'made up' USING ERRCODE = '40P01'; END $$", "destroys"],
    ["42P01", "SELECT FROM never", "destroys"],
    ["22012", "SELECT 1 / 0", "keeps"],
  ])("after SQLSTATE %s of %j %s the connection", async (_, sql, verdict) => {
    const backend = async (client: PgPool | PgClient) =>
      (await query<{ pid: number }>(client, "SELECT pg_backend_pid() AS pid"))[0]?.pid;
    const before = await backend(pool);
    await expect(inTransaction(pool, (client) => query(client, sql))).rejects.toThrow();
    expect((await backend(pool)) === before).toBe(verdict === "keeps");
  });

  it("joins server settings with those of the address, its own last", async () => {
    const given = encodeURIComponent("-c work_mem=8MB -c synchronous_commit=on");
    const own = createPool({
      databaseUrl: `${addresses.databaseUrl}?options=${given}`,
      applicationName: "test",
      maxConnections: 1,
      serverSettings: { synchronous_commit: "off" },
      log,
    });
    const settings = `SELECT current_setting('work_mem') AS memory,
                             current_setting('synchronous_commit') AS commits`;
    expect(await query(own, settings)).toEqual([{ memory: "8MB", commits: "off" }]);
    await own.end();
  });

  it("says that a server is away", async () => {
    const nowhere = poolAt("postgresql://postgres@127.0.0.1:9/none");
    await expect(query(nowhere, "SELECT 1")).rejects.toBeInstanceOf(TransientError);
    await nowhere.end();
  });
});
