import { createPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { scopeOf } from "../../access/scope.ts";
import { type Ask, createAsk } from "../../questions/ask.ts";
import { readColumns, type TableColumns } from "../../questions/table-columns.ts";
import { statement } from "../../questions/statement.ts";
import { insertEvents } from "../../service-tests/console-fixture.ts";
import { conditionOf } from "./condition.ts";
import { conditionFields } from "./event-fields.ts";

/** So many that PostgreSQL takes a short condition for cheaper than theirs, and computes it first (of more it makes a hash table). */
const scope = scopeOf(
  ["acme", ...Array.from({ length: 7 }, (_, at) => `of-acme-${at}`)].map((tenant) => ({
    tenant,
    nodes: "*",
  })),
);

let life: Life;
let ask: Ask;
let columns: TableColumns;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 1, log }),
    (owned) => owned.end(),
  );
  ask = createAsk(pool);
  columns = await readColumns(pool, "metrics");
  await insertEvents(pool, { node: "a", count: 3, tenant: "acme", latencyMs: 1 });
  await insertEvents(pool, { node: "z", count: 3, tenant: "zeta", latencyMs: 5_000 });
});
afterAll(() => life.stop());

const countBy = async (where: string) => {
  const [row] = await ask<{ count: number }>(
    statement(scope, ({ value, visible }) => {
      const isVisible = visible("metrics.tenant", "metrics.node_id");
      const condition = conditionOf(where, {
        isVisible,
        fields: conditionFields(columns),
        parameter: value,
      });
      return `SELECT count(*)::float8 AS count FROM metrics WHERE ${isVisible} AND ${condition}`;
    }),
  );
  return row?.count;
};

describe("a condition of a reader", () => {
  it.each(["latency_ms * 1e305 > 0", "abs(latency_ms * -1e305) > 0"])(
    "is not computed of rows of other tenants, whose values its error would tell: %s",
    async (where) => {
      expect(await countBy(where)).toBe(3);
    },
  );

  it("that fails for own rows says so", async () => {
    await expect(countBy("latency_ms * 1e308 > 0")).rejects.toMatchObject({
      code: "INVALID_PARAMETER",
      message: expect.stringContaining("out of range"),
    });
  });
});
