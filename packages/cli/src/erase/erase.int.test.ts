import { once } from "node:events";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { connectProducer } from "@fiberstream/kafka/producer";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openSampleTopics } from "../testing/sample-topic.ts";
import { erase, forecastErasure } from "./erase.ts";
import { checkFilter, type EraseFilter } from "./erase-filter.ts";
import type { NodePlaces } from "./erase-nodes.ts";
import { findUnfinished, findUnfinishedOfOtherTimes, recordErasure } from "./erasure-record.ts";

let life: Life;
let pool: PgPool;
let redis: Redis;
let places: NodePlaces;

beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 3, log };
  pool = life.own(createPool(options), (owned) => owned.end());
  const { access } = await openSampleTopics(life);
  redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  if (!redis.isUp()) await once(redis.client, "ready");
  const producer = life.own(await connectProducer(access), (owned) => owned.close());
  const { namespace } = access;
  places = {
    producer,
    topic: topicIn(namespace, "probe.nodes"),
    ask: createPromptRedis(redis),
    namespace,
  };
});
afterAll(() => life.stop());

const DAY_MS = 86_400_000;
/** A midnight long after which rows are dropped, and days of roll-ups are kept. */
const BEGIN_MS = Math.floor(Date.now() / DAY_MS - 100) * DAY_MS;

/** Four days of three nodes, one event an hour: two nodes of acme, and one of zeta. */
beforeEach(async () => {
  await pool.query(
    "TRUNCATE metrics, metric_conflicts, metric_quality_daily, node_alerts, node_changes, nodes, erasures RESTART IDENTITY",
  );
  await pool.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant,
                          country, region, probe_type, enrichment_status)
     SELECT at, at, 10, 100, 0, gen_random_uuid(), node, CASE node WHEN 'z-1' THEN 'zeta' ELSE 'acme' END,
            'GH', 'Accra', 'ping', 'complete'
     FROM generate_series($1::timestamptz, $1::timestamptz + interval '95 hours', '1 hour') AS at
     CROSS JOIN unnest('{a-1,a-2,z-1}'::text[]) AS node`,
    [new Date(BEGIN_MS)],
  );
  await pool.query(
    "INSERT INTO nodes (node_id, tenant) SELECT DISTINCT node_id, tenant FROM metrics",
  );
  await pool.query("UPDATE nodes SET published_revision = revision");
  await pool.query(
    `INSERT INTO metric_conflicts (time, node_id, event_id, stored, received)
     SELECT time, node_id, event_id, to_jsonb(metrics), to_jsonb(metrics) FROM metrics`,
  );
  await pool.query(
    `INSERT INTO node_alerts (opened_at, node_id, tenant, alert_id, kind, value, resolve_below)
     SELECT time, node_id, tenant, event_id, 'latency', 1, 1 FROM metrics`,
  );
  await pool.query(
    `INSERT INTO metric_quality_daily (day, node_id)
     SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, node_id FROM metrics`,
  );
});

/** Does what the worker of the sink does; the rows of these tests are inserted without marks. */
const rollUp = async () => {
  while ((await valueOf("SELECT rollup_backfill_step(100000)")) === true);
  for (const width of [1, 5, 60, 1_440]) {
    await pool.query("SELECT rollup_refresh($1::integer, 'infinity', 10000)", [width]);
  }
};

const valueOf = async (sql: string): Promise<unknown> =>
  Object.values((await pool.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0];
const left = async (table: string) => Number(await valueOf(`SELECT count(*) FROM ${table}`));

type Changes = {
  maxRows?: number;
  stopping?: AbortSignal;
  onProgress?: (progress: { rows: number }) => void;
  onWaiting?: (transactions: number) => void;
  maxWaitMs?: number;
  untilRolledUp?: () => Promise<void>;
};
const erasing = async (filter: EraseFilter, changes: Changes = {}) => {
  const erasure =
    (await findUnfinished(pool, filter)) ??
    (await recordErasure(pool, filter, { requestedBy: "test", reason: "a test" }));
  return erase({
    pool,
    erasure,
    places,
    pace: () => Promise.resolve(),
    untilRolledUp: () => Promise.resolve(),
    onWaiting: () => undefined,
    onProgress: () => undefined,
    stopping: new AbortController().signal,
    ...changes,
  });
};

describe("an erasure", () => {
  it("of a node erases its rows, conflicts, quality, row, record and cache entry, and is recorded", async () => {
    const key = `${places.namespace}node:a-1`;
    await redis.client.set(key, "1 {}");
    expect(await forecastErasure(pool, { node: "a-1" })).toEqual({
      rows: 96,
      conflicts: 96,
      qualityDays: 4,
      alerts: 96,
      nodeIds: ["a-1"],
    });
    expect(await left("metrics")).toBe(288);

    const { erasure, again } = await erasing({ node: "a-1" });
    expect(again).toEqual([]);
    expect(erasure.finishedAt).not.toBeNull();
    expect(erasure.counts).toEqual({
      rows: 96,
      roll_ups: 0,
      conflicts: 96,
      quality_days: 4,
      alerts: 96,
      nodes: 1,
      // That it was registered; a change of published_revision is none.
      node_changes: 1,
    });
    const elsewhere = `(SELECT node_id FROM metrics UNION ALL SELECT node_id FROM metric_conflicts
      UNION ALL SELECT node_id FROM metric_quality_daily UNION ALL SELECT node_id FROM node_alerts
      UNION ALL SELECT node_id FROM node_changes UNION ALL SELECT node_id FROM nodes)`;
    expect(await left(`${elsewhere} AS places WHERE node_id = 'a-1'`)).toBe(0);
    expect(await left("metrics")).toBe(192);
    expect(await redis.client.get(key)).toBeNull();
    const reading = await readTopic(addresses.kafkaBrokers, places.topic);
    try {
      await until(() => reading.records.length > 0, { what: "a tombstone is in probe.nodes" });
      expect(reading.records.map(({ key: of, value }) => [String(of), value])).toEqual([
        ["a-1", null],
      ]);
    } finally {
      await reading.close();
    }
    const recorded = `SELECT to_jsonb(erasures) - 'requested_at' FROM erasures`;
    expect(await valueOf(recorded)).toMatchObject({
      node_id: "a-1",
      requested_by: expect.stringMatching(/^test as /),
      reason: "a test",
      node_ids: ["a-1"],
    });
  });

  it("of a span of time erases exactly it, and whole days of quality, but no node", async () => {
    const filter = { fromMs: BEGIN_MS + DAY_MS / 2, toMs: BEGIN_MS + 2 * DAY_MS + 3_600_000 };
    const { erasure } = await erasing(filter);
    expect(erasure.counts).toMatchObject({
      rows: 111,
      conflicts: 111,
      quality_days: 3,
      alerts: 111,
      nodes: 0,
    });
    const times = `to_timestamp(${filter.fromMs / 1_000}) AND to_timestamp(${filter.toMs / 1_000 - 1})`;
    expect(await left(`metrics WHERE time BETWEEN ${times}`)).toBe(0);
    expect(await left("metrics")).toBe(288 - 111);
    expect(await left("nodes")).toBe(3);
  });

  it("of a tenant and a span of time leaves other tenants alone", async () => {
    await erasing({ tenant: "acme", fromMs: BEGIN_MS, toMs: BEGIN_MS + DAY_MS });
    expect(await left("metrics")).toBe(288 - 48);
    expect(await left("metrics WHERE tenant = 'zeta'")).toBe(96);
    await erasing({ tenant: "zeta", node: "a-2" });
    expect(await left("metrics")).toBe(288 - 48);
    expect(await left("nodes")).toBe(3);
  });

  it("of a tenant erases its nodes, and leaves those of others", async () => {
    const { erasure } = await erasing({ tenant: "acme" });
    expect(erasure.counts).toMatchObject({ rows: 192, conflicts: 192, quality_days: 8, nodes: 2 });
    expect(await valueOf("SELECT array_agg(DISTINCT node_id) FROM metrics")).toEqual(["z-1"]);
    expect(await valueOf("SELECT array_agg(node_id::text) FROM nodes")).toEqual(["z-1"]);
    expect(await left("metric_conflicts")).toBe(96);
    expect(await left("metric_quality_daily")).toBe(4);
  });

  it("deletes few rows in each transaction, and resumes where it was interrupted", async () => {
    const stop = new AbortController();
    const filter = { tenant: "acme" };
    const onProgress = (progress: { rows: number }) => progress.rows > 0 && stop.abort();
    const first = await erasing(filter, { maxRows: 10, stopping: stop.signal, onProgress });
    const { rows } = first.erasure.counts;
    expect(first.erasure.finishedAt).toBeNull();
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThanOrEqual(10);
    let pauses = 0;
    const untilRolledUp = () => Promise.resolve(void pauses++);
    const second = await erasing(filter, { maxRows: 10, untilRolledUp });
    // After each transaction, if the roll-ups are behind.
    expect(pauses).toBeGreaterThan(10);
    expect(second.erasure).toMatchObject({ id: first.erasure.id, counts: { rows: 192 } });
    expect(await left("erasures")).toBe(1);
  });

  it("erases what a write adds that had begun before the erasure was recorded", async () => {
    const writer = await pool.connect();
    try {
      await writer.query("BEGIN");
      // As a write of the sink begins: nothing is erased yet.
      expect((await writer.query("SELECT FROM erasures")).rowCount).toBe(0);
      let isWaiting = false;
      let isDone = false;
      const done = erasing({ node: "a-1" }, { onWaiting: () => (isWaiting = true) });
      done.then(() => (isDone = true)).catch(() => undefined);
      await until(() => isWaiting || isDone, { what: "the erasure waits" });
      await writer.query(
        `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                              region, probe_type, enrichment_status)
         SELECT time + interval '1 s', received_at, latency_ms, uptime_pct, packet_loss, gen_random_uuid(), node_id, tenant,
                country, region, probe_type, enrichment_status
         FROM metrics WHERE node_id = 'a-1'`,
      );
      await writer.query("COMMIT");
      const { erasure } = await done;
      expect(erasure.counts.rows).toBe(2 * 96);
      expect(await left("metrics WHERE node_id = 'a-1'")).toBe(0);
    } finally {
      writer.release(true);
    }
  });

  it("is refused while such a write does not end, and resumes afterwards", async () => {
    const writer = await pool.connect();
    try {
      await writer.query("BEGIN");
      await writer.query("SELECT FROM erasures");
      await expect(erasing({ node: "a-1" }, { maxWaitMs: 0 })).rejects.toThrow(
        /still open after 0 s \(PostgreSQL's processes \d+\)/,
      );
    } finally {
      writer.release(true);
    }
    expect(await left("metrics WHERE node_id = 'a-1'")).toBe(96);
    await erasing({ node: "a-1" });
    expect(await left("metrics WHERE node_id = 'a-1'")).toBe(0);
    expect(await left("erasures")).toBe(1);
  });

  it("that was interrupted is found by those of other times", async () => {
    const by = { requestedBy: "test", reason: undefined };
    const { id } = await recordErasure(pool, { node: "a-1", fromMs: BEGIN_MS }, by);
    await recordErasure(pool, { node: "a-1" }, by);
    await recordErasure(pool, { node: "a-2", fromMs: BEGIN_MS }, by);
    const filter = { node: "a-1", fromMs: BEGIN_MS + 1 };
    expect(await findUnfinished(pool, filter)).toBeUndefined();
    expect(await findUnfinishedOfOtherTimes(pool, filter)).toEqual([id]);
  });

  it("leaves roll-ups as if the events had never been there", async () => {
    const days = `SELECT array_agg(DISTINCT node_id || ' ' || events) FROM metrics_1d`;
    const regions = `SELECT array_agg(DISTINCT tenant || ' ' || events) FROM metrics_region_1d`;
    await rollUp();
    expect(await valueOf(days)).toEqual(["a-1 24", "a-2 24", "z-1 24"]);
    expect(await valueOf(regions)).toEqual(["acme 48", "zeta 24"]);
    await erasing({ node: "a-1" });
    await rollUp();
    expect(await valueOf(days)).toEqual(["a-2 24", "z-1 24"]);
    expect(await valueOf(regions)).toEqual(["acme 24", "zeta 24"]);
  });

  it("erases roll-ups whose rows have gone before", async () => {
    await rollUp();
    for (let isMore = true; isMore;) {
      isMore = (await valueOf("SELECT rollup_seal_hour()")) === true;
    }
    await valueOf("SELECT drop_old_chunks()");
    expect(await left("metrics")).toBe(0);
    const days = `SELECT array_agg(node_id || ' ' || events ORDER BY bucket, node_id) FROM metrics_1d`;
    const regions = `SELECT array_agg(events ORDER BY bucket, tenant) FROM metrics_region_1d`;
    expect(await valueOf(regions)).toEqual(["48", "24", "48", "24", "48", "24", "48", "24"]);

    const span = { node: "a-1", fromMs: BEGIN_MS + 3_600_000, toMs: BEGIN_MS + 2 * DAY_MS };
    const { erasure } = await erasing(span);
    expect(erasure.counts).toMatchObject({ rows: 0 });
    expect(erasure.counts.roll_ups).toBeGreaterThan(0);
    await rollUp();
    expect(await valueOf(regions)).toEqual(["48", "24", "24", "24", "48", "24", "48", "24"]);

    await erasing({ tenant: "acme" });
    await rollUp();
    expect(await valueOf(days)).toEqual(["z-1 24", "z-1 24", "z-1 24", "z-1 24"]);
  });

  it("names nodes that registered again, and has their record published again", async () => {
    const producer = {
      send: async () => {
        await pool.query("INSERT INTO nodes (node_id, published_revision) VALUES ('a-2', 1)");
      },
    };
    const erasure = await recordErasure(
      pool,
      { node: "a-2" },
      { requestedBy: "x", reason: undefined },
    );
    const { again } = await erase({
      pool,
      erasure,
      places: { ...places, producer },
      pace: () => Promise.resolve(),
      untilRolledUp: () => Promise.resolve(),
      onWaiting: () => undefined,
      onProgress: () => undefined,
      stopping: new AbortController().signal,
    });
    expect(again).toEqual(["a-2"]);
    expect(await left("nodes WHERE node_id = 'a-2' AND published_revision < revision")).toBe(1);
  });

  it("needs a filter", () => {
    expect(() => checkFilter({})).toThrow(/name what to erase/);
    expect(() => checkFilter({ fromMs: 2, toMs: 2 })).toThrow("--from is not before --to");
    expect(() => checkFilter({ tenant: "acme" })).not.toThrow();
  });
});
