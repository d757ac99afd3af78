import { createPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createNodeTable, type NodeTable } from "./node-table.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let table: NodeTable;
let sql: ReturnType<typeof createPool>;

beforeEach(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 1, log };
  sql = life.own(createPool(options), (owned) => owned.end());
  table = createNodeTable(sql);
  await sql.query(
    "INSERT INTO nodes (node_id, country) VALUES ('a-node', 'GH'), ('b-node', 'NG'), ('c-node', 'GH')",
  );
});
afterEach(() => life.stop());

describe("fiber nodes", () => {
  it("lists nodes by status, country and tenant", async () => {
    await sql.query("UPDATE nodes SET tenant = 'acme' WHERE node_id = 'b-node'");
    await table.change("c-node", { status: "deleted" });
    const ids = async (filter: object) =>
      (await table.list({ limit: 10, ...filter })).map(({ node_id }) => node_id);
    expect(await ids({})).toEqual(["a-node", "b-node", "c-node"]);
    expect(await ids({ country: "GH", status: "registered" })).toEqual(["a-node"]);
    expect(await ids({ tenant: "acme" })).toEqual(["b-node"]);
    expect(await ids({ limit: 1 })).toEqual(["a-node"]);
  });

  it("changes a node and marks it for publication", async () => {
    await table.change("a-node", { display_name: "Accra airport", lat: 5.6, lng: -0.19 });
    expect(await table.find("a-node")).toMatchObject({
      display_name: "Accra airport",
      node_name: "probe-a-node",
      country: "GH",
      lat: 5.6,
      lng: -0.19,
    });
    const { rows } = await sql.query("SELECT revision::int FROM nodes WHERE node_id = 'a-node'");
    expect(rows).toEqual([{ revision: 2 }]);
  });

  it("reports a node that does not exist", async () => {
    await expect(table.find("d-node")).rejects.toThrow("there is no node d-node");
    await expect(table.change("d-node", { status: "deleted" })).rejects.toThrow("there is no node");
  });
});
