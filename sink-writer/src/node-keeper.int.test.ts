import { inTransaction, query } from "@fiberstream/postgres/pool";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { MetricRow } from "./metric-row.ts";
import { createNodeKeeper, type NodeKeeper } from "./node-keeper.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";
import { sampleRow } from "./testing/sample-rows.ts";

let database: SampleDatabase;
let nowMs: number;
let keeper: NodeKeeper;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query("TRUNCATE nodes");
  nowMs = Date.UTC(2026, 0, 1);
  keeper = createNodeKeeper({ maxRemembered: 100, nowMs: () => nowMs });
});

const keep = async (rows: readonly MetricRow[]) => {
  const remember = await inTransaction(database.pool, (client) => keeper.keep(client, rows));
  remember();
};
const rowOf = (node_id: string) => sampleRow({ node_id, received_at: nowMs * 1_000 });
const nodes = () =>
  query<{ node_id: string; status: string; seen_ms: number; revision: string }>(
    database.pool,
    `SELECT node_id, node_name, status, country, region, revision,
            extract(epoch FROM last_seen_at)::float8 * 1000 AS seen_ms
     FROM nodes ORDER BY node_id`,
  );

describe("node keeper", () => {
  it("inserts missing nodes once, as reporting", async () => {
    await keep([rowOf("accra-0001"), rowOf("b"), rowOf("accra-0001")]);
    expect(await nodes()).toMatchObject([
      {
        node_id: "accra-0001",
        node_name: "probe-accra-00",
        status: "reporting",
        country: "GH",
        region: "Greater Accra",
        seen_ms: nowMs,
        revision: "1",
      },
      { node_id: "b" },
    ]);
  });

  it("moves a registered node on to reporting, and leaves what an operator has set", async () => {
    await database.pool.query(
      "INSERT INTO nodes (node_id, status) VALUES ('a', 'registered'), ('b', 'inactive'), ('c', 'deleted')",
    );
    await keep([rowOf("a"), rowOf("b"), rowOf("c")]);
    expect((await nodes()).map(({ status }) => status)).toEqual([
      "reporting",
      "inactive",
      "deleted",
    ]);
    expect((await nodes()).map(({ seen_ms }) => seen_ms)).toEqual([nowMs, nowMs, nowMs]);
  });

  it("touches a node at most once in 10 s, and publishes no touch", async () => {
    const begunMs = nowMs;
    await keep([rowOf("a")]);
    nowMs += 9_999;
    await keep([rowOf("a")]);
    expect(await nodes()).toMatchObject([{ seen_ms: begunMs, revision: "1" }]);
    nowMs += 1;
    await keep([rowOf("a")]);
    expect(await nodes()).toMatchObject([{ seen_ms: begunMs + 10_000, revision: "1" }]);
  });

  it("waits for nobody when it touches", async () => {
    await keep([rowOf("a"), rowOf("b")]);
    nowMs += 10_000;
    await inTransaction(database.pool, async (other) => {
      await other.query("SELECT FROM nodes WHERE node_id = 'a' FOR UPDATE");
      await keep([rowOf("a"), rowOf("b")]);
    });
    expect(await nodes()).toMatchObject([{ seen_ms: nowMs - 10_000 }, { seen_ms: nowMs }]);
  });

  it("does not go back in time when old events are read again", async () => {
    await keep([rowOf("a")]);
    const seenMs = nowMs;
    nowMs += 60_000;
    await keep([sampleRow({ node_id: "a", received_at: (seenMs - 5_000) * 1_000 })]);
    expect(await nodes()).toMatchObject([{ seen_ms: seenMs }]);
  });

  it("remembers nothing of a transaction that was rolled back", async () => {
    const rolledBack = inTransaction(database.pool, async (client) => {
      await keeper.keep(client, [rowOf("a")]);
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    await keep([rowOf("a")]);
    expect(await nodes()).toHaveLength(1);
  });
});
