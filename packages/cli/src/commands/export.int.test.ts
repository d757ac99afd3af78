import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { ExportSource } from "../export/columns.ts";
import { type ExportFormat, exportRows } from "../export/export-file.ts";
import { tableSource } from "../export/table-source.ts";
import { topicSource } from "../export/topic-source.ts";
import { openSampleTopics, type SampleTopics } from "../testing/sample-topic.ts";
import { namedTopic } from "../records/topic-access.ts";

const ENRICHED = "probe.metrics.enriched";
/** A day that is over, and recent enough to be within Kafka's retention. */
const DAY = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
const BEGIN_MS = Date.parse(DAY);
/** A microsecond after midnight. */
const BEGIN_MICROS = BEGIN_MS * 1_000 + 1;
/** Two full row groups, and an incomplete one. */
const EVENTS = 45_000;
const RANGE = { fromMs: BEGIN_MS, toMs: BEGIN_MS + 86_400_000 };

let life: Life;
let topics: SampleTopics;
let pool: PgPool;
let folder: string;
let onDuck: (sql: string) => Promise<Record<string, unknown>[]>;

beforeAll(async () => {
  life = createLife();
  folder = mkdtempSync(join(tmpdir(), "fiberstream-export-"));
  life.own(folder, (owned) => rmSync(owned, { recursive: true }));
  topics = await openSampleTopics(life);
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 2, log }),
    (owned) => owned.end(),
  );
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  life.own(duck, (owned) => owned.closeSync());
  await duck.run(`SET file_search_path = '${folder}'; SET TimeZone = 'UTC'`);
  onDuck = async (sql) => (await duck.runAndReadAll(sql)).getRowObjectsJson();
});
afterAll(() => life.stop());

const written = (source: ExportSource, format: ExportFormat, name: string) =>
  exportRows(source, {
    path: join(folder, name),
    format,
    onProgress: ({ share }) => expect(share).toBeLessThanOrEqual(1),
    stopping: new AbortController().signal,
  });
const fromTopic = (faults: string[] = []) =>
  topicSource({
    access: topics.access,
    named: namedTopic(topics.access.namespace, ENRICHED),
    range: RANGE,
    onFault: (message) => faults.push(message),
  });

describe("fiber export of a topic", () => {
  it("writes Parquet that DuckDB reads, with exact microseconds, ids, nulls and JSON", async () => {
    const topic = topicIn(topics.access.namespace, ENRICHED);
    const first = {
      event_id: "5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11",
      timestamp: BEGIN_MICROS,
      received_at: BEGIN_MICROS + 90_000_000,
      metadata: '{"version":"2.1.0","serial":12345678901234567890}',
      target_host: null,
    };
    const records = await Promise.all([
      topics.record(ENRICHED, first, { timestampMs: BEGIN_MS }),
      topics.record(ENRICHED, { event_id: first.event_id }, { timestampMs: BEGIN_MS + 1_200_000 }),
      topics.record(ENRICHED, { node_id: "before" }, { timestampMs: BEGIN_MS - 1 }),
      topics.record(ENRICHED, { node_id: "after" }, { timestampMs: RANGE.toMs }),
    ]);
    await topics.send(topic, [
      ...records,
      { key: "bad", value: Buffer.from("no event"), timestamp: String(BEGIN_MS) },
    ]);
    const faults: string[] = [];
    expect(await written(fromTopic(faults), "parquet", "day.parquet")).toBe(2);
    expect(faults).toEqual([expect.stringContaining("wire format")]);

    const types = await onDuck(
      "DESCRIBE SELECT timestamp, event_id, latency_ms FROM 'day.parquet'",
    );
    expect(types.map(({ column_type }) => column_type)).toEqual([
      "TIMESTAMP WITH TIME ZONE",
      "UUID",
      "DOUBLE",
    ]);
    const [row] = await onDuck(
      "SELECT epoch_us(timestamp)::VARCHAR AS micros, * FROM 'day.parquet' ORDER BY timestamp DESC LIMIT 1",
    );
    expect(row).toMatchObject({
      ...first,
      micros: String(BEGIN_MICROS),
      timestamp: expect.stringContaining(`${DAY} 00:00:00.000001`),
      received_at: expect.anything(),
      node_tags: '{"site":"airport"}',
      packet_loss_spike: false,
      sent: 200,
      rtts_ms: [40.25, 42.5, 47.5],
      error: "timeout",
    });
  });

  it("writes whole numbers of 64 bits", async () => {
    const topic = topicIn(topics.access.namespace, "probe.nodes");
    const record = await topics.record("probe.nodes", { node_id: "a", revision: 2 ** 40 });
    await topics.send(topic, [{ ...record, timestamp: String(BEGIN_MS) }]);
    const source = topicSource({
      access: topics.access,
      named: namedTopic(topics.access.namespace, "probe.nodes"),
      range: RANGE,
      onFault: () => undefined,
    });
    expect(await written(source, "parquet", "nodes.parquet")).toBe(1);
    expect(await onDuck("SELECT revision::VARCHAR AS revision FROM 'nodes.parquet'")).toEqual([
      { revision: String(2 ** 40) },
    ]);
  });

  const questions = readFileSync(
    new URL("../../../../docs/query/duckdb.sql", import.meta.url),
    "utf8",
  )
    .split(/\n\n(?=-- )/)
    .slice(1)
    .map((text) => [text.slice(3, text.indexOf("\n")), text] as const);
  it.each(questions)("answers the example: %s", async (question, sql) => {
    const rows = await onDuck(sql);
    expect(rows.length).toBeGreaterThan(0);
    if (question.startsWith("Each event once")) expect(rows).toHaveLength(1);
  });

  it("writes CSV and newline-delimited JSON that DuckDB reads with the same values", async () => {
    await written(fromTopic(), "csv", "day.csv");
    await written(fromTopic(), "ndjson", "day.ndjson");
    const of = (file: string) =>
      onDuck(
        `SELECT epoch_us(timestamp)::VARCHAR AS micros, event_id::VARCHAR AS id, latency_ms, target_host
         FROM ${file} ORDER BY micros`,
      );
    const parquet = await of("'day.parquet'");
    expect(await of("read_csv('day.csv', types = {'timestamp': 'TIMESTAMPTZ'})")).toEqual(parquet);
    expect(
      await of(
        "read_json('day.ndjson', columns = {timestamp: 'TIMESTAMPTZ', event_id: 'VARCHAR', latency_ms: 'DOUBLE', target_host: 'VARCHAR'})",
      ),
    ).toEqual(parquet);
  });

  it("writes null and an empty text differently in CSV", async () => {
    const values = [null, "", "=1+1"];
    const source: ExportSource = {
      columns: ["a", "b", "c"].map((name) => ({ name, kind: "text", isNullable: true })),
      chunks: (async function* () {
        yield { rows: [values], share: 1 };
      })(),
    };
    await written(source, "csv", "texts.csv");
    expect(readFileSync(join(folder, "texts.csv"), "utf8")).toBe('a,b,c\n,"",=1+1\n');
    expect(
      await onDuck(
        "SELECT a IS NULL AS none, b FROM read_csv('texts.csv', all_varchar = true, allow_quoted_nulls = false)",
      ),
    ).toEqual([{ none: true, b: "" }]);
  });

  it("writes to the target of a link, and never replaces a path that is not a regular file", async () => {
    const path = (name: string) => join(folder, name);
    writeFileSync(path("real.csv"), "before");
    symlinkSync("real.csv", path("link.csv"));
    await written(fromTopic(), "csv", "link.csv");
    expect(lstatSync(path("link.csv")).isSymbolicLink()).toBe(true);
    expect(readFileSync(path("real.csv"), "utf8")).toMatch(/^event_id,|,event_id,/);

    execFileSync("mkfifo", [path("pipe")]);
    symlinkSync("pipe", path("to-pipe"));
    symlinkSync("nowhere", path("to-nowhere"));
    for (const name of ["pipe", "to-pipe", "."]) {
      await expect(written(fromTopic(), "csv", name)).rejects.toThrow("it is not a regular file");
    }
    await expect(written(fromTopic(), "csv", "to-nowhere")).rejects.toThrow("points to nothing");
    expect(lstatSync(path("pipe")).isFIFO()).toBe(true);
    expect(lstatSync(path("to-pipe")).isSymbolicLink()).toBe(true);
  });

  it("leaves no file behind when it is stopped", async () => {
    const options = { path: join(folder, "none.parquet"), format: "parquet" } as const;
    const stopping = AbortSignal.abort();
    const rows = await exportRows(fromTopic(), {
      ...options,
      onProgress: () => undefined,
      stopping,
    });
    expect(rows).toBeUndefined();
    expect(readdirSync(folder).filter((name) => name.startsWith("none"))).toEqual([]);
  });
});

describe("fiber export of a table", () => {
  it("writes each row once, ordered by time", async () => {
    await pool.query(
      `INSERT INTO nodes (node_id, status) SELECT 'n' || place, 'reporting' FROM generate_series(0, 9) AS place`,
    );
    await pool.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                            tenant, country, region, probe_type, enrichment_status, metadata, sent, rtts_ms)
       SELECT to_timestamp($1::bigint / 1000000) + (place::bigint * 1900001 + 1) * interval '1 microsecond', now(), place,
              100, 0, gen_random_uuid(), 'n' || place % 10, 'default', 'GH', 'r', 'ping', 'complete', '{"a": 1}', 10, '{1.5,2}'
       FROM generate_series(0, $2 - 1) AS place`,
      [BEGIN_MS * 1_000, EVENTS],
    );
    const source = await tableSource(pool, "metrics", RANGE);
    expect(await written(source, "parquet", "table.parquet")).toBe(EVENTS);
    const [sums] = await onDuck(
      `SELECT count(DISTINCT event_id)::INT AS ids, sum(latency_ms) AS sum,
              bool_and(epoch_us(time) = ${BEGIN_MICROS} + latency_ms::BIGINT * 1900001) AS is_exact
       FROM 'table.parquet'`,
    );
    expect(
      await onDuck("SELECT DISTINCT sent, rtts_ms AS rtts, received FROM 'table.parquet'"),
    ).toEqual([{ sent: 10, rtts: [1.5, 2], received: null }]);
    expect(sums).toEqual({ ids: EVENTS, sum: (EVENTS * (EVENTS - 1)) / 2, is_exact: true });
    expect(
      await onDuck(
        `SELECT count(DISTINCT row_group_id)::INT AS groups, max(row_group_num_rows)::INT AS largest
         FROM parquet_metadata('table.parquet')`,
      ),
    ).toEqual([{ groups: 3, largest: 20_000 }]);
    expect(await onDuck("SELECT latency_ms FROM 'table.parquet' LIMIT 1 OFFSET 44000")).toEqual([
      { latency_ms: 44_000 },
    ]);
  });

  it("writes a time range, also of the view with the nodes' data", async () => {
    const range = { fromMs: BEGIN_MS + 7_200_000, toMs: BEGIN_MS + 7_260_000 };
    const source = await tableSource(pool, "metrics_enriched", range);
    expect(await written(source, "parquet", "part.parquet")).toBe(32);
    expect(await onDuck("SELECT DISTINCT node_status, metadata FROM 'part.parquet'")).toEqual([
      { node_status: "reporting", metadata: '{"a": 1}' },
    ]);
    const none = { fromMs: RANGE.toMs, toMs: RANGE.toMs + 1 };
    expect(await written(await tableSource(pool, "metrics", none), "csv", "none.csv")).toBe(0);
    expect(readFileSync(join(folder, "none.csv"), "utf8")).toMatch(/^time,received_at,.*\n$/);
  });

  it("writes columns with any name", async () => {
    await pool.query(`ALTER TABLE metrics ADD COLUMN "siteName" text, ADD COLUMN "select" boolean`);
    const range = { fromMs: BEGIN_MS, toMs: BEGIN_MS + 2_000 };
    const source = await tableSource(pool, "metrics", range);
    expect(await written(source, "csv", "names.csv")).toBe(2);
    expect(readFileSync(join(folder, "names.csv"), "utf8")).toMatch(/^time,.*,siteName,select\n/);
  });
});
