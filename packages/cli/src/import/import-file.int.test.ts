import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventIdOf } from "@fiberstream/event-rules/event-id";
import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { sentFields, sentFormOf } from "@fiberstream/schemas/probe-fields";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { exportRows } from "../export/export-file.ts";
import { tableSource } from "../export/table-source.ts";
import { forecastImport } from "./dry-run.ts";
import { formatOf, IMPORT_FORMATS } from "./file-rows.ts";
import { importFile } from "./import-file.ts";
import { digestOf, type ImportPosition, readPosition } from "./import-position.ts";
import { openRejectedRows } from "./rejected-rows.ts";
import { createEventReader } from "./row-event.ts";
import { createUntilRolledUp } from "./until-rolled-up.ts";

let life: Life;
let pool: PgPool;
let folder: string;

beforeAll(async () => {
  life = createLife();
  folder = mkdtempSync(join(tmpdir(), "fiberstream-import-"));
  life.own(folder, (owned) => rmSync(owned, { recursive: true }));
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 3, log };
  pool = life.own(createPool(options), (owned) => owned.end());
  // Years of the past are imported below.
  await pool.query(
    "UPDATE data_lifecycle SET drop_after = '10000 days' WHERE relation = 'metrics_1d'",
  );
});
afterAll(() => life.stop());
beforeEach(() => pool.query("TRUNCATE metrics, metric_conflicts, nodes, imports"));

const schema = readAvroSchema("ProbeMetric");
const NOON = "2024-02-29T12:00:00.123456Z";

/** What a probe sends: every field of the schema, by its example. */
const probeEvent = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  ...Object.fromEntries(
    sentFields(schema).map((field) => [
      field.name,
      sentFormOf(field) === "object" ? JSON.parse(String(field.example)) : field.example,
    ]),
  ),
  timestamp: NOON,
  ...changes,
});

const fileOf = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const ndjson = (...events: readonly object[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join("");

type Changes = {
  tenant?: string;
  batchRows?: number;
  maxRejected?: number;
  allowsExpired?: boolean;
  isRestarted?: boolean;
  stopAfterRow?: number;
};

/** Runs an import as the command does, and returns its counts without the time of its end. */
const imported = async (path: string, changes: Changes = {}) => {
  const { finishedAt: _at, ...counts } = await importing(path, changes);
  return counts;
};
const importing = async (path: string, changes: Changes = {}): Promise<ImportPosition> => {
  const stop = new AbortController();
  const { tenant = "default", stopAfterRow = Infinity } = changes;
  const key = { digest: await digestOf(path), tenant };
  return importFile({
    pool,
    file: {
      path,
      format: formatOf(path),
      key,
      name: "a file",
      bytes: statSync(path).size,
      startedBy: "test",
    },
    reader: readerOf(path, tenant),
    limits: limitsOf(changes),
    isRestarted: changes.isRestarted ?? false,
    openRejected: (afterRow) => openRejectedRows(`${path}.rejected.ndjson`, afterRow),
    pace: () => Promise.resolve(),
    untilRolledUp: () => Promise.resolve(),
    onProgress: ({ position }) => position.read >= stopAfterRow && stop.abort(),
    stopping: stop.signal,
  });
};
const readerOf = (path: string, tenant = "default") =>
  createEventReader({
    schema,
    tenant,
    hasTextValues: formatOf(path) !== "ndjson",
    nowMs: Date.now(),
  });
const limitsOf = ({ batchRows = 1_000, maxRejected = 10, allowsExpired = true }: Changes) => ({
  batchRows,
  maxRejected,
  allowsExpired,
});

const rowsOf = async (sql: string): Promise<Record<string, unknown>[]> =>
  (await pool.query<Record<string, unknown>>(sql)).rows;
const valueOf = async (sql: string) => Object.values((await rowsOf(sql))[0] ?? {})[0];
/** Does what the worker of the sink does. */
const rollUp = async () => {
  for (const width of [1, 5, 60, 1_440]) {
    await pool.query("SELECT rollup_refresh($1::integer, 'infinity', 1000)", [width]);
  }
};
const rejectedIn = (path: string) =>
  readFileSync(`${path}.rejected.ndjson`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { row: number; line: number; faults: object[] });

describe("an import", () => {
  it("stores what a probe sends, with the id that the gateway gives it", async () => {
    const event = probeEvent({ country: "GH", region: "Ashanti" });
    expect(await imported(fileOf("one.ndjson", ndjson(event)), { tenant: "acme" })).toEqual({
      read: 1,
      inserted: 1,
      repeated: 0,
      inConflict: 0,
      rejected: 0,
      nodesAdded: 1,
    });
    const stored = await valueOf("SELECT to_jsonb(metrics) FROM metrics");
    const { time, received_at, ...sent } = stored as Record<string, unknown>;
    expect(time).toBe("2024-02-29T12:00:00.123456+00:00");
    expect(received_at).toBe(time);
    expect(sent).toMatchObject({
      ...Object.fromEntries(Object.entries(event).filter(([name]) => name !== "timestamp")),
      tenant: "acme",
      event_id: eventIdOf({
        tenant: "acme",
        node_id: String(event["node_id"]),
        timestamp: Date.parse("2024-02-29T12:00:00.123Z") * 1_000 + 456,
        probe_type: String(event["probe_type"]),
        target_host: String(event["target_host"]),
      }),
      enrichment_status: "unavailable",
      quality: "unknown",
      packet_loss_spike: false,
      anomaly_score: null,
      extra: null,
    });
    const node =
      "SELECT status, tenant, country, region, silent_since IS NOT NULL AS silent FROM nodes";
    expect(await rowsOf(node)).toEqual([
      { status: "inactive", tenant: "acme", country: "GH", region: "Ashanti", silent: true },
    ]);
  });

  it("rejects what the gateway rejects, with line and reason, and imports the rest", async () => {
    const path = fileOf(
      "bad.ndjson",
      `${ndjson(probeEvent())}\n{"node_id":\n${ndjson(
        probeEvent({ latency_ms: 10_001, country: "gh" }),
        probeEvent({ node_id: "probe-2" }),
        probeEvent({ timestamp: "2999-01-01T00:00:00Z" }),
        probeEvent({ event_id: "5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11" }),
      )}[]`,
    );
    expect(await imported(path)).toMatchObject({ read: 7, inserted: 2, rejected: 5 });
    expect(rejectedIn(path)).toMatchObject([
      { row: 2, line: 3, faults: [{ message: expect.stringContaining("is not JSON") }] },
      {
        row: 3,
        line: 4,
        faults: [
          { code: "BAD_FORMAT", field: "country" },
          { code: "OUT_OF_RANGE", field: "latency_ms" },
        ],
      },
      { row: 5, line: 6, faults: [{ code: "IN_THE_FUTURE" }] },
      { row: 6, line: 7, faults: [{ field: "event_id" }] },
      { row: 7, line: 8, faults: [{ message: "the line is not a JSON object" }] },
    ]);
  });

  it("stops when too many rows are rejected", async () => {
    const path = fileOf("other.ndjson", '{"a":1}\n'.repeat(12));
    await expect(imported(path)).rejects.toThrow(/more than 10 rows are rejected, by row 12/);
  });

  it("stores each event once, however often it is imported, and keeps other content as a conflict", async () => {
    const path = fileOf("twice.ndjson", ndjson(probeEvent(), probeEvent()));
    expect(await imported(path)).toMatchObject({ inserted: 1, repeated: 1 });
    expect(await imported(path, { isRestarted: true })).toMatchObject({ inserted: 0, repeated: 2 });
    const other = fileOf("conflict.ndjson", ndjson(probeEvent({ uptime_pct: 1 })));
    expect(await imported(other)).toMatchObject({ inserted: 0, repeated: 0, inConflict: 1 });
    expect(await imported(other, { isRestarted: true })).toMatchObject({ inConflict: 1 });
    expect(await valueOf("SELECT count(*)::int FROM metrics")).toBe(1);
    expect(
      await rowsOf("SELECT received -> 'uptime_pct' AS received, topic FROM metric_conflicts"),
    ).toEqual([{ received: 1, topic: null }]);
  });

  it("resumes behind its last batch, and keeps the rejected rows of before", async () => {
    const events = Array.from({ length: 10 }, (_, at) =>
      at % 5 === 2 ? { bad: at } : probeEvent({ node_id: `probe-${at}` }),
    );
    const path = fileOf("resumed.ndjson", ndjson(...events));
    const first = await importing(path, { batchRows: 3, stopAfterRow: 6 });
    expect(first).toMatchObject({ read: 6, inserted: 5, rejected: 1, finishedAt: null });
    const second = await importing(path, { batchRows: 3 });
    expect(second).toMatchObject({ read: 10, inserted: 8, rejected: 2, repeated: 0 });
    expect(second.finishedAt).not.toBeNull();
    expect(rejectedIn(path).map(({ row }) => row)).toEqual([3, 8]);
    expect(await readPosition(pool, { digest: await digestOf(path), tenant: "default" })).toEqual(
      second,
    );
  });

  it("has its rows in the roll-ups, those of a minute that has others too", async () => {
    const at = (second: number, latency_ms: number) =>
      probeEvent({ timestamp: `2024-02-29T12:00:${second}Z`, latency_ms });
    await imported(fileOf("minute-1.ndjson", ndjson(at(10, 1), at(20, 2))));
    await rollUp();
    await imported(fileOf("minute-2.ndjson", ndjson(at(10, 1), at(30, 6))));
    await rollUp();
    const day = "SELECT events::int AS events, latency_avg_ms FROM metrics_1d";
    expect(await rowsOf(day)).toEqual([{ events: 3, latency_avg_ms: 3 }]);
    // The tests' TRUNCATE is noted there, too.
    const unmarked = "SELECT count(*)::int FROM rollup_unmarked WHERE NOT is_truncated";
    expect(await valueOf(unmarked)).toBe(0);
  });

  it("refuses to run beside another one", async () => {
    const path = fileOf("beside.ndjson", ndjson(probeEvent()));
    const other = await pool.connect();
    try {
      await other.query(`SELECT pg_advisory_lock(${ADVISORY_LOCKS.importFile})`);
      await expect(imported(path)).rejects.toThrow("another import is running in this database");
    } finally {
      other.release(true);
    }
  });

  it("leaves no file when nothing is rejected", async () => {
    const path = fileOf("good.ndjson", ndjson(probeEvent()));
    await imported(path);
    expect(existsSync(`${path}.rejected.ndjson`)).toBe(false);
  });

  it("creates the chunks of years, some in each transaction", async () => {
    const weeks = Array.from({ length: 150 }, (_, week) =>
      probeEvent({ timestamp: new Date(Date.UTC(2020, 0, 1 + week * 7)).toISOString() }),
    );
    expect(await imported(fileOf("years.ndjson", ndjson(...weeks)))).toMatchObject({
      inserted: 150,
    });
    expect(await valueOf("SELECT count(*)::int FROM show_chunks('metrics')")).toBe(150);
  });

  it("refuses rows past the retention with a sentence, unless they are allowed", async () => {
    const path = fileOf("old.ndjson", ndjson(probeEvent()));
    await expect(imported(path, { allowsExpired: false })).rejects.toThrow(
      /row 1 is of 2024-02-29, and rows are kept for 7 days: .* --allow-expired/,
    );
    expect(await valueOf("SELECT count(*)::int FROM metrics")).toBe(0);
    const recent = probeEvent({ timestamp: new Date(Date.now() - 86_400_000).toISOString() });
    const young = fileOf("young.ndjson", ndjson(recent));
    expect(await imported(young, { allowsExpired: false })).toMatchObject({ inserted: 1 });
  });

  it("refuses rows of which not even roll-ups are kept", async () => {
    const path = fileOf("older.ndjson", ndjson(probeEvent({ timestamp: "1990-01-01T00:00:00Z" })));
    await expect(imported(path)).rejects.toThrow(
      /row 1 is of 1990-01-01, and roll-ups of a day are kept for 10000 days: .* RETENTION_DAILY_DAYS/,
    );
    expect(await valueOf("SELECT count(*)::int FROM metrics")).toBe(0);
  });

  it("repeats a batch that a deadlock rolled back, and keeps its rejected rows once", async () => {
    // A sequence counts rolled back attempts, too.
    await pool.query(`
      CREATE SEQUENCE attempts;
      CREATE FUNCTION deadlock_first() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('attempts') < 3 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER deadlock AFTER UPDATE ON imports FOR EACH ROW
        WHEN (new.rows_read > old.rows_read) EXECUTE FUNCTION deadlock_first()`);
    try {
      const path = fileOf("deadlock.ndjson", ndjson({ bad: 1 }, probeEvent()));
      expect(await imported(path)).toMatchObject({ inserted: 1, repeated: 0, rejected: 1 });
      expect(rejectedIn(path).map(({ row }) => row)).toEqual([1]);
      expect(await valueOf("SELECT last_value::int FROM attempts")).toBe(3);
    } finally {
      await pool.query(
        "DROP TRIGGER deadlock ON imports; DROP FUNCTION deadlock_first(); DROP SEQUENCE attempts",
      );
    }
  });

  it("waits for the roll-ups only while marks are due, and says so", async () => {
    const mark = (due: string) =>
      pool.query(
        `INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
         SELECT 1, now() + $1::interval, 1, 1, 1, '{a}', '{1}' FROM generate_series(1, 3)`,
        [due],
      );
    await pool.query("DELETE FROM rollup_marks");
    const said: number[] = [];
    const untilRolledUp = createUntilRolledUp({
      pool,
      onWaiting: (marks) => said.push(marks),
      maxDueMarks: 2,
    });
    const { signal } = new AbortController();
    await mark("1 hour");
    await untilRolledUp(signal);
    expect(said).toEqual([]);
    await mark("-1 hour");
    const waiting = untilRolledUp(signal);
    await until(() => said.length === 1, { what: "it says that it waits" });
    await pool.query("DELETE FROM rollup_marks WHERE due_at <= now()");
    await waiting;
    expect(said).toEqual([3]);
    await pool.query("DELETE FROM rollup_marks");
  });

  it("has rejected rows in their file before their batch is committed", async () => {
    const path = join(folder, "at-once.rejected.ndjson");
    const rejected = await openRejectedRows(path, 0);
    const rows = Array.from({ length: 100 }, (_, at) => ({
      row: at + 1,
      line: at + 1,
      faults: [],
    }));
    await rejected.write(rows);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(101);
    await rejected.end();
  });

  it("isolates a row that PostgreSQL rejects", async () => {
    await pool.query("ALTER TABLE metrics ADD CONSTRAINT no_nine CHECK (node_id <> 'probe-9')");
    try {
      const path = fileOf(
        "refused.ndjson",
        ndjson(...[7, 8, 9, 10, 11].map((at) => probeEvent({ node_id: `probe-${at}` }))),
      );
      expect(await imported(path)).toMatchObject({ read: 5, inserted: 4, rejected: 1 });
      expect(rejectedIn(path)).toMatchObject([
        { row: 3, line: 3, faults: [{ message: expect.stringContaining("23514") }] },
      ]);
    } finally {
      await pool.query("ALTER TABLE metrics DROP CONSTRAINT no_nine");
    }
  });
});

describe("the formats", () => {
  it("reads CSV with quotes, empty cells, a byte order mark and exact numbers in metadata", async () => {
    const heading =
      "node_id,country,region,latency_ms,uptime_pct,packet_loss,time,target_host,metadata,unknown";
    const path = fileOf(
      "a.csv",
      `\uFEFF${heading}\r\nprobe-1,GH,"Accra, ""east""",1.5,99,0,2024-02-29T12:00:00+02:00,,"{""serial"":12345678901234567890}",x\r\n` +
        `probe-2,GH,Accra,abc,99,0,2024-02-29T12:00:00Z,,,x\r\nprobe-3,GH\r\n`,
    );
    expect(await imported(path)).toMatchObject({ read: 3, inserted: 1, rejected: 2 });
    expect(
      await rowsOf(
        "SELECT time, region, target_host, metadata::text AS metadata, latency_ms FROM metrics",
      ),
    ).toEqual([
      {
        time: new Date("2024-02-29T10:00:00Z"),
        region: 'Accra, "east"',
        target_host: null,
        metadata: '{"serial": 12345678901234567890}',
        latency_ms: 1.5,
      },
    ]);
    expect(rejectedIn(path)).toMatchObject([
      { row: 2, line: 3, faults: [{ code: "WRONG_TYPE", field: "latency_ms" }] },
      { row: 3, line: 4, faults: [{ message: "the row has 2 cells, and there are 10 columns" }] },
    ]);
  });

  it("rejects a cell that is no value by itself, and a time of receipt in the future", async () => {
    const heading =
      "node_id,country,region,latency_ms,uptime_pct,packet_loss,timestamp,received_at";
    const path = fileOf(
      "strange.csv",
      `${heading}\nprobe-1,GH,Accra,"1,""metadata"":2",99,0,${NOON},\nprobe-2,GH,Accra,1,99,0,${NOON},9999-01-01T00:00:00Z\n`,
    );
    expect(await imported(path)).toMatchObject({ read: 2, inserted: 0, rejected: 2 });
    expect(rejectedIn(path)).toMatchObject([
      { row: 1, faults: [{ code: "WRONG_TYPE", field: "latency_ms" }] },
      { row: 2, faults: [{ code: "IN_THE_FUTURE", field: "received_at" }] },
    ]);
  });

  it("stops with a sentence at CSV that has no rows any more", async () => {
    const path = fileOf("broken.csv", 'node_id,country\n"a"b,GH\n');
    await expect(imported(path)).rejects.toThrow(/is not valid CSV after row 0/);
    const latin = join(folder, "latin.csv");
    writeFileSync(latin, Buffer.from("node_id\nCuraçao\n", "latin1"));
    await expect(imported(latin)).rejects.toThrow(/is not valid CSV/);
  });

  it.each(IMPORT_FORMATS)("reads back what fiber export has written: %s", async (format) => {
    const events = Array.from({ length: 50 }, (_, at) =>
      probeEvent({
        node_id: `probe-${at % 3}`,
        timestamp: `2024-02-29T12:00:${String(at).padStart(2, "0")}.123456Z`,
        ...(at % 2 === 0 && { target_host: null, metadata: null }),
        ...(at % 7 === 0 && { latency_ms: null, packet_loss: 100 }),
        ...(at % 5 === 0 && { metadata: { note: 'a "b", \n c', deep: { list: [1, "x"] } } }),
      }),
    );
    await imported(fileOf(`source-${format}.ndjson`, ndjson(...events)), { tenant: "acme" });
    await pool.query(
      "UPDATE metrics SET received_at = time + interval '1 s', source_region = 'eu'",
    );
    const stored = "SELECT to_jsonb(metrics) AS row FROM metrics ORDER BY time";
    const before = await rowsOf(stored);
    expect(before).toHaveLength(50);
    const path = join(folder, `exported.${format}`);
    await exportRows(
      await tableSource(pool, "metrics", { fromMs: 0, toMs: Date.parse("2024-03-01") }),
      { path, format, onProgress: () => undefined, stopping: new AbortController().signal },
    );
    await pool.query("TRUNCATE metrics, nodes");
    expect(await imported(path)).toMatchObject({ read: 50, inserted: 50, nodesAdded: 3 });
    expect(await rowsOf(stored)).toEqual(before);
  });
});

it("a dry run says what would happen, and changes nothing", async () => {
  await imported(fileOf("stored.ndjson", ndjson(probeEvent())));
  const recent = new Date(Date.now() - 60_000).toISOString();
  const path = fileOf(
    "dry.ndjson",
    ndjson(probeEvent(), probeEvent({ node_id: "new", timestamp: recent }), { bad: 1 }),
  );
  const forecast = await forecastImport({
    pool,
    file: { path, format: "ndjson" },
    reader: readerOf(path),
    limits: limitsOf({}),
    rejectedRows: await openRejectedRows(`${path}.rejected.ndjson`, 0),
    onProgress: () => undefined,
    stopping: new AbortController().signal,
  });
  expect(forecast).toEqual({
    read: 3,
    rejected: 1,
    isNew: 1,
    expired: 1,
    keptNowhere: 0,
    missingNodes: 1,
    oldest: Date.parse("2024-02-29T12:00:00.123Z") * 1_000 + 456,
    newest: Date.parse(recent) * 1_000,
  });
  expect(await valueOf("SELECT count(*)::int FROM metrics")).toBe(1);
  expect(await valueOf("SELECT count(*)::int FROM nodes")).toBe(1);
  expect(await valueOf("SELECT count(*)::int FROM imports")).toBe(1);
});
