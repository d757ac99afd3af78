import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
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
  it("commits if the work returns, and rolls back if it throws", async () => {
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

  it("survives a connection that is cut while in use, with a transient error", async () => {
    const cut = inTransaction(pool, async (client) => {
      const [backend] = await query<{ pid: number }>(client, "SELECT pg_backend_pid() AS pid");
      await query(pool, "SELECT pg_terminate_backend($1)", [backend?.pid]);
      await query(client, "SELECT 1");
    });
    await expect(cut).rejects.toBeInstanceOf(TransientError);
    expect(await query(pool, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("does not treat a rolled back transaction as committed", async () => {
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

  it("joins the settings of the address with its own, which take precedence", async () => {
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

  it("replaces old connections, whose temporary tables block vacuum", async () => {
    const aging = createPool({
      databaseUrl: addresses.databaseUrl,
      applicationName: "test",
      maxConnections: 1,
      maxAgeMs: 200,
      log,
    });
    const use = () =>
      inTransaction(aging, async (client) => {
        await query(
          client,
          "CREATE TEMP TABLE IF NOT EXISTS aging (value int) ON COMMIT DELETE ROWS",
        );
        const [session] = await query<{ pid: number; frozenXid: string }>(
          client,
          `SELECT pg_backend_pid() AS pid, relfrozenxid::text AS "frozenXid"
           FROM pg_class WHERE oid = 'pg_temp.aging'::regclass`,
        );
        return session;
      });
    const first = await use();
    await until(async () => (await use())?.pid !== first?.pid, { what: "another connection" });
    // Each use is a transaction, and the table of now is younger than all of them.
    expect(Number((await use())?.frozenXid)).toBeGreaterThan(Number(first?.frozenXid));
    await aging.end();
  });

  it("ends no old connection while it is in use", async () => {
    const aging = createPool({
      databaseUrl: addresses.databaseUrl,
      applicationName: "test",
      maxConnections: 1,
      maxAgeMs: 50,
      log,
    });
    const same = await inTransaction(aging, async (client) => {
      const pidOf = async () =>
        (await query<{ pid: number }>(client, "SELECT pg_backend_pid() AS pid, pg_sleep(0.1)"))[0];
      return [await pidOf(), await pidOf()];
    });
    expect(same[0]).toEqual(same[1]);
    await aging.end();
  });

  it("reads times and days correctly, whatever the server's own settings are", async () => {
    const given = encodeURIComponent("-c DateStyle=German -c TimeZone=Asia/Kolkata");
    const own = poolAt(`${addresses.databaseUrl}?options=${given}`);
    const [row] = await query(
      own,
      "SELECT '2026-11-24 12:00:00+00'::timestamptz AS time, '2026-11-24 23:30:00+00'::timestamptz::date::text AS day",
    );
    expect(row).toEqual({ time: new Date("2026-11-24T12:00:00Z"), day: "2026-11-24" });
    await own.end();
  });

  it("begins a connection without a setting that a proxy such as PgBouncer rejects", async () => {
    const bytes: Buffer[] = [];
    const proxy = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (data) => {
        bytes.push(data);
        socket.destroy();
      });
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const { port } = proxy.address() as AddressInfo;
    const own = createPool({
      databaseUrl: `postgresql://sink:secret@127.0.0.1:${port}/fiberstack`,
      applicationName: "test",
      maxConnections: 1,
      serverSettings: { synchronous_commit: "off" },
      log,
    });
    await expect(query(own, "SELECT 1")).rejects.toBeInstanceOf(TransientError);
    await own.end();
    proxy.close();
    // Length and version, then names and values, each ended by a 0.
    const texts = Buffer.concat(bytes).subarray(8).toString().split("\0");
    const names = texts.filter((_, place) => place % 2 === 0).filter((name) => name !== "");
    expect(names.toSorted()).toEqual(["application_name", "client_encoding", "database", "user"]);
  });

  it("reports an unavailable server", async () => {
    const nowhere = poolAt("postgresql://postgres@127.0.0.1:9/none");
    await expect(query(nowhere, "SELECT 1")).rejects.toBeInstanceOf(TransientError);
    await nowhere.end();
  });
});
