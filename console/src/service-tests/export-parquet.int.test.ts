import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";

const FIBER = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));
/** More than a row group. */
const LARGE = 50_000;

let life: Life;
let running: TestConsole;
let folder: string;
let onDuck: (sql: string) => Promise<Record<string, unknown>[]>;
beforeAll(async () => {
  life = createLife();
  folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-console-")), (owned) =>
    rmSync(owned, { recursive: true }),
  );
  running = await startTestConsole(life, { EXPORT_MAX_CONNECTIONS: "1" });
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  life.own(duck, (owned) => owned.closeSync());
  await duck.run(`SET file_search_path = '${folder}'; SET TimeZone = 'UTC'`);
  onDuck = async (sql) => (await duck.runAndReadAll(sql)).getRowObjectsJson();
});
afterAll(() => life.stop());

const pathOf = (name: string) => join(folder, name);
const fiber = async (...args: string[]) =>
  (
    await promisify(execFile)(process.execPath, [FIBER, ...args], {
      env: { DATABASE_URL: running.databaseUrl },
    })
  ).stdout;

const exported = async (name: string, question: string): Promise<Buffer> => {
  const answer = await running.ask(`/api/v1/export?format=parquet&${question}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/vnd.apache.parquet");
  const bytes = Buffer.from(await answer.arrayBuffer());
  writeFileSync(pathOf(name), bytes);
  return bytes;
};

/** Events with and without each optional field, two minutes apart, a microsecond after the full second. */
const BEGIN_MS = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
const EVENTS = Array.from({ length: 20 }, (_, at) => ({
  node_id: `probe-${at % 3}`,
  country: "GH",
  region: 'Accra, "east"',
  latency_ms: at % 7 === 0 ? null : at + 0.1,
  uptime_pct: 99.5,
  packet_loss: at % 7 === 0 ? 100 : 0,
  timestamp: new Date(BEGIN_MS + at * 120_000).toISOString().replace(".000Z", ".000001Z"),
  ...(at % 2 === 0 && {
    target_host: "",
    metadata: { note: 'a "b", \n \\ \u0001', deep: { list: [1, "x"] } },
    sent: 10,
    received: 9,
    rtts_ms: at % 4 === 0 ? [] : [1.5, 2],
  }),
  ...(at % 5 === 0 && { error: "timeout", rtt_min_ms: 0.1, rtt_max_ms: at + 0.1000001 }),
}));
const RECENT = "from=-2h";

describe("an export as Parquet", () => {
  it("is read back by fiber import to the same rows", async () => {
    writeFileSync(
      pathOf("sent.ndjson"),
      EVENTS.map((event) => `${JSON.stringify(event)}\n`).join(""),
    );
    expect(await fiber("import", pathOf("sent.ndjson"), "--tenant", "acme")).toContain(
      "20 inserted, 0 stored already, 0 stored already with other content, 0 rejected",
    );
    await running.pool.query(
      `UPDATE metrics SET received_at = time + interval '1.000003 s', source_region = 'eu',
              metadata = metadata || '{"serial": 12345678901234567890}'`,
    );
    const rows = async () =>
      (
        await running.pool.query<{ row: unknown }>(
          "SELECT to_jsonb(metrics) AS row FROM metrics ORDER BY time",
        )
      ).rows;
    const before = await rows();
    expect(before).toHaveLength(EVENTS.length);

    await exported("all.parquet", RECENT);
    await running.pool.query("TRUNCATE metrics, nodes");
    expect(await fiber("import", pathOf("all.parquet"))).toMatch(/^20 rows: 20 inserted,/);
    expect(await rows()).toEqual(before);
  });

  it("has times in microseconds of UTC, lists, ids, nulls, and metadata as text", async () => {
    await exported("types.parquet", RECENT);
    const names = "time, event_id, latency_ms, rtts_ms, sent, metadata, packet_loss_spike";
    const types = await onDuck(`DESCRIBE SELECT ${names} FROM 'types.parquet'`);
    expect(types.map(({ column_type }) => column_type)).toEqual([
      "TIMESTAMP WITH TIME ZONE",
      "UUID",
      "DOUBLE",
      "DOUBLE[]",
      "INTEGER",
      "VARCHAR",
      "BOOLEAN",
    ]);
    expect(
      await onDuck(
        "SELECT epoch_us(time)::VARCHAR AS micros, latency_ms, rtts_ms, metadata FROM 'types.parquet' ORDER BY time LIMIT 3",
      ),
    ).toEqual([
      {
        micros: `${BEGIN_MS}001`,
        latency_ms: null,
        rtts_ms: [],
        metadata: expect.stringContaining('"serial": 12345678901234567890'),
      },
      { micros: `${BEGIN_MS + 120_000}001`, latency_ms: 1.1, rtts_ms: null, metadata: null },
      {
        micros: `${BEGIN_MS + 240_000}001`,
        latency_ms: 2.1,
        rtts_ms: [1.5, 2],
        metadata: expect.stringContaining('"deep": {"list": [1, "x"]}'),
      },
    ]);
  });

  it("is whole also without an event, and has only the events that match", async () => {
    await exported("none.parquet", "from=2026-01-01&to=2026-01-02");
    expect(await onDuck("SELECT count(*)::INT AS rows FROM 'none.parquet'")).toEqual([{ rows: 0 }]);
    const where = encodeURIComponent("latency_ms < 4");
    await exported("some.parquet", `${RECENT}&node=probe-1&where=${where}`);
    expect(await onDuck("SELECT latency_ms FROM 'some.parquet'")).toEqual([{ latency_ms: 1.1 }]);
  });

  it("has row groups of one size, and can be recognized when it was cut", async () => {
    await running.pool.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                            region, probe_type, enrichment_status)
       SELECT $1::timestamptz + n * interval '1 ms', now(), n, 100, 0, gen_random_uuid(), 'large', 'default', 'GH', 'r',
              'ping', 'complete'
       FROM generate_series(1, ${LARGE}) AS n`,
      [new Date("2026-04-01T12:00:00Z")],
    );
    const large = "from=2026-04-01&to=2026-04-02";
    const whole = await exported("large.parquet", large);
    expect(
      await onDuck(
        `SELECT count(DISTINCT row_group_id)::INT AS groups, max(row_group_num_rows)::INT AS largest
         FROM parquet_metadata('large.parquet')`,
      ),
    ).toEqual([{ groups: 3, largest: 20_000 }]);
    expect(
      await onDuck(
        "SELECT count(DISTINCT event_id)::INT AS ids, sum(latency_ms) AS sum FROM 'large.parquet'",
      ),
    ).toEqual([{ ids: LARGE, sum: (LARGE * (LARGE + 1)) / 2 }]);

    writeFileSync(pathOf("cut.parquet"), whole.subarray(0, -1));
    await expect(fiber("import", pathOf("cut.parquet"))).rejects.toThrow(
      /cut.parquet is not a whole Parquet file/,
    );
  });

  it("ends without its footer when the database fails", async () => {
    const begun = await running.ask("/api/v1/export?format=parquet&from=2026-04-01&to=2026-04-02");
    expect(begun.status).toBe(200);
    await running.pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fiberstream-console' AND query LIKE 'COPY%' AND state = 'active'",
    );
    await expect(begun.arrayBuffer()).rejects.toThrow("terminated");
    const metrics = await (await fetch(`${running.service.adminUrl}/metrics`)).text();
    expect(metrics).toContain("fiberstream_console_cut_answers_total 1");
    // There is room for the next one.
    await exported("next.parquet", RECENT);
  });
});
