import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";
import {
  anySteps,
  createModel,
  differencesAfter,
  NO_DIFFERENCES,
  type Sql,
} from "./testing/rollup-model.ts";

let database: TestDatabase;
let client: pg.Client;
const sql: Sql = async (text, values) =>
  (await client.query<Record<string, unknown>>(text, values)).rows;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("SET TimeZone = 'UTC'");
  await createModel(sql);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

describe("roll-ups", () => {
  it("say what the rows say, after late, repeated, deleted, changed, restored and dropped rows", async () => {
    let dropped = 0;
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const found = await differencesAfter(sql, steps);
        dropped += found.dropped;
        expect(found).toEqual({
          before: NO_DIFFERENCES,
          after: NO_DIFFERENCES,
          dropped: expect.any(Number),
        });
      }),
      { numRuns: 25 },
    );
    expect(dropped).toBeGreaterThan(0);
  }, 300_000);
});
