import { inTransaction, query } from "@fiberstream/postgres/pool";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from "@jest/globals";
import { createNodeRegistration, type NodeRegistration } from "./register-nodes.ts";
import type { SplitRows } from "./rows/row-buffers.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";
import { rowsOf, sampleEvent, sampleSchema } from "./testing/sample-rows.ts";
import { readTableLayout, type TableLayout } from "./tuples/table-layout.ts";

let database: SampleDatabase;
let layout: TableLayout;
let nowMs: number;
let registration: NodeRegistration;
beforeAll(async () => {
  database = await openSampleDatabase();
  layout = await readTableLayout(database.pool, sampleSchema);
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.owner.query("TRUNCATE nodes");
  nowMs = Date.UTC(2026, 0, 1);
  registration = createNodeRegistration({ maxRemembered: 100, nowMs: () => nowMs });
});

afterEach(() => void jest.restoreAllMocks());

const nobody = new Set<number>();
const landedOf = ({ unseen, seen }: SplitRows, refused: ReadonlySet<number>) => [
  { rows: unseen, result: { refused, erased: nobody } },
  { rows: seen, result: { refused: nobody, erased: nobody } },
];
const keep = async (events: readonly EnrichedProbeMetric[], refused = nobody) => {
  const rows = await rowsOf(events, layout);
  const remember = await inTransaction(database.pool, (client) =>
    registration.register(client, landedOf(rows, refused)),
  );
  remember();
};
const eventOf = (node_id: string) => sampleEvent({ node_id, received_at: nowMs * 1_000 });
const tenants = async () => {
  const rows = await query<{ tenant: string | null; revision: string }>(
    database.pool,
    "SELECT tenant, revision FROM nodes ORDER BY node_id",
  );
  return rows.map(({ tenant, revision }) => [tenant, revision]);
};
const nodes = () =>
  query<{ node_id: string; status: string; seen_ms: number; revision: string }>(
    database.pool,
    `SELECT node_id, node_name, status, country, region, revision,
            extract(epoch FROM last_seen_at)::float8 * 1000 AS seen_ms
     FROM nodes ORDER BY node_id`,
  );

describe("node registration", () => {
  it("inserts missing nodes once, as reporting", async () => {
    await keep([eventOf("accra-0001"), eventOf("b"), eventOf("accra-0001")]);
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

  it("keeps the tenant of a node's latest event, and publishes it when it changes", async () => {
    const from = (tenant: string) => sampleEvent({ node_id: "a", tenant });
    await database.owner.query("INSERT INTO nodes (node_id) VALUES ('b')");
    await keep([from("acme"), eventOf("b")]);
    expect(await tenants()).toEqual([
      ["acme", "1"],
      ["default", "2"],
    ]);
    // Its key has moved to another tenant.
    nowMs += 10_000;
    await keep([from("other"), eventOf("b")]);
    expect(await tenants()).toEqual([
      ["other", "2"],
      ["default", "2"],
    ]);
  });

  it("registers no node of rows that are not stored", async () => {
    await keep([eventOf("a"), eventOf("b")], new Set([1]));
    expect(await nodes()).toMatchObject([{ node_id: "a" }]);
  });

  it("marks a registered node as reporting, and keeps a status that an operator has set", async () => {
    await database.owner.query(
      "INSERT INTO nodes (node_id, status) VALUES ('a', 'registered'), ('b', 'inactive'), ('c', 'deleted')",
    );
    await keep([eventOf("a"), eventOf("b"), eventOf("c")]);
    expect((await nodes()).map(({ status }) => status)).toEqual([
      "reporting",
      "inactive",
      "deleted",
    ]);
    expect((await nodes()).map(({ seen_ms }) => seen_ms)).toEqual([nowMs, nowMs, nowMs]);
  });

  it("updates a node at most once in 10 s, without publishing it", async () => {
    const begunMs = nowMs;
    await keep([eventOf("a")]);
    nowMs += 9_999;
    await keep([eventOf("a")]);
    expect(await nodes()).toMatchObject([{ seen_ms: begunMs, revision: "1" }]);
    nowMs += 1;
    await keep([eventOf("a")]);
    expect(await nodes()).toMatchObject([{ seen_ms: begunMs + 10_000, revision: "1" }]);
  });

  it("continues to update nodes when the machine's clock is set back", async () => {
    registration = createNodeRegistration({ maxRemembered: 100 });
    await keep([eventOf("a")]);
    const [wall, elapsed] = [Date.now, performance.now.bind(performance)];
    jest.spyOn(Date, "now").mockImplementation(() => wall() - 3_600_000);
    jest.spyOn(performance, "now").mockImplementation(() => elapsed() + 10_000);
    nowMs += 10_000;
    await keep([eventOf("a")]);
    expect(await nodes()).toMatchObject([{ seen_ms: nowMs }]);
  });

  it("waits for no lock when it updates a node", async () => {
    await keep([eventOf("a"), eventOf("b")]);
    nowMs += 10_000;
    await inTransaction(database.pool, async (other) => {
      await other.query("SELECT FROM nodes WHERE node_id = 'a' FOR UPDATE");
      await keep([eventOf("a"), eventOf("b")]);
    });
    expect(await nodes()).toMatchObject([{ seen_ms: nowMs - 10_000 }, { seen_ms: nowMs }]);
  });

  it("does not go back in time when old events are read again", async () => {
    await keep([eventOf("a")]);
    const seenMs = nowMs;
    nowMs += 60_000;
    await keep([sampleEvent({ node_id: "a", received_at: (seenMs - 5_000) * 1_000 })]);
    expect(await nodes()).toMatchObject([{ seen_ms: seenMs }]);
  });

  it("inserts a node again that a crash of the server has lost, once its cache is emptied", async () => {
    await keep([eventOf("a")]);
    await database.owner.query("TRUNCATE nodes");
    registration.forget();
    await keep([eventOf("a")]);
    expect(await nodes()).toHaveLength(1);
  });

  it("inserts a node again that was deleted while its events arrive", async () => {
    await keep([eventOf("a"), eventOf("b")]);
    await database.owner.query("DELETE FROM nodes WHERE node_id = 'a'");
    await keep([eventOf("a"), eventOf("b")]);
    expect(await nodes()).toMatchObject([
      { node_id: "a", status: "reporting", country: "GH", seen_ms: nowMs, revision: "1" },
      { node_id: "b", seen_ms: nowMs },
    ]);
  });

  it("caches nothing of a transaction that was rolled back", async () => {
    const rolledBack = inTransaction(database.pool, async (client) => {
      await registration.register(client, landedOf(await rowsOf([eventOf("a")], layout), nobody));
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    await keep([eventOf("a")]);
    expect(await nodes()).toHaveLength(1);
  });
});
