import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { consumeInto } from "./consume-into.ts";
import { createOffsetTable } from "../database/offset-table.ts";
import { inTransaction } from "../database/postgres.ts";
import { createTestTopic, type TestTopic } from "../testing/test-topic.ts";

let database: TestDatabase;
let pool: pg.Pool;
let at: TestTopic;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  // The tests cut connections; idle clients of the pool report that here.
  pool.on("error", () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  at = await createTestTopic();
  await pool.query("DROP TABLE IF EXISTS seen");
  await pool.query("CREATE TABLE seen (node_id text)");
});

const nodesSeen = async () =>
  (await pool.query<{ node_id: string }>("SELECT node_id FROM seen")).rows
    .map(({ node_id }) => Number(node_id))
    .toSorted((one, other) => one - other);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Starts a member of one group, which ends when `count` nodes are in the table, or at a signal. */
function member(
  count: number,
  before: (client: pg.PoolClient, nodes: readonly string[]) => Promise<unknown> = async () => {},
  signal?: AbortSignal,
): Promise<void> {
  const stopping = new AbortController();
  signal?.addEventListener("abort", () => stopping.abort());
  return consumeInto({
    cluster: at.cluster,
    topic: "probe.metrics.enriched",
    group: `${at.cluster.namespace}into`,
    pool,
    signal: stopping.signal,
    onBatch: async (records, client) => {
      const nodes = records.map(({ value }) => value.node_id);
      await client.query("INSERT INTO seen SELECT unnest($1::text[])", [nodes]);
      await before(client, nodes);
      const { rows } = await client.query<{ rows: string }>("SELECT count(*) AS rows FROM seen");
      if (Number(rows[0]?.rows) >= count) stopping.abort();
    },
  });
}

describe("consume into PostgreSQL", () => {
  it("writes each record once, despite a failing handler, a lost connection and a restart", async () => {
    await at.write({ from: 0, count: 10 });
    const failing = member(10, () => Promise.reject(new TypeError("a mistake")));
    await expect(failing).rejects.toThrow("a mistake");
    expect(await nodesSeen()).toEqual([]);

    let cuts = 0;
    await member(10, async (client) => {
      if (cuts++ === 0) await client.query("SELECT pg_terminate_backend(pg_backend_pid())");
    });
    expect(cuts).toBeGreaterThan(1);
    expect(await nodesSeen()).toEqual(upTo(10));

    await at.write({ from: 10, count: 10 });
    await member(20);
    expect(await nodesSeen()).toEqual(upTo(20));
  });

  it("rolls back a member that has lost its partition", async () => {
    const { namespace = "" } = at.cluster;
    const topic = `${namespace}probe.metrics.enriched`;
    const group = `${namespace}into`;
    const table = createOffsetTable({ name: "fiberstream_offsets", group, topic });
    /** Processes the first 4 records of partition 0, like a new owner of the partition. */
    const overtake = async () => {
      await inTransaction(pool, (client) => table.move(client, { partition: 0, from: 0n, to: 4n }));
      await pool.query("INSERT INTO seen SELECT generate_series(0, 3)::text");
    };
    await at.write({ from: 10, count: 1, partition: 1 });
    await member(11, async (_client, [node]) => {
      if (node !== "10") return;
      await overtake();
      await at.write({ from: 0, count: 10 });
    });
    expect(await nodesSeen()).toEqual(upTo(11));
  });

  it("distributes the partitions among members that join and leave under load", async () => {
    let written = 0;
    const write = async (count: number) => {
      for (const end = written + count; written < end; written += 10) {
        await at.write({ from: written, count: 10, partition: (written / 10) % 2 });
      }
    };
    const leaving = new AbortController();
    const first = member(200, async () => {}, leaving.signal);
    await write(60);
    const second = member(200);
    await write(60);
    leaving.abort();
    await Promise.all([write(80), first, second]);
    expect(await nodesSeen()).toEqual(upTo(200));
  });

  it("accepts only a plain name for its table", () => {
    const options = { group: "g", topic: "t" };
    expect(() => createOffsetTable({ ...options, name: "x; DROP TABLE seen" })).toThrow(TypeError);
    expect(() => createOffsetTable({ ...options, name: "my_schema.offsets" })).not.toThrow();
  });
});
