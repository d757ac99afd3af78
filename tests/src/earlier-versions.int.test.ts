import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { basename, join } from "node:path";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";

const FOLDER = fileURLToPath(new URL("earlier", import.meta.url));
/** The queries of each version: a folder for each version, with a file for each database account. */
const files = globSync("*/*.sql", { cwd: FOLDER });

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe("a database of this version", () => {
  it.each(files)("answers the queries of an earlier version: %s", async (file) => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query("BEGIN");
      const account = basename(file, ".sql");
      if (account !== "owner") await client.query(`SET LOCAL ROLE ${account}`);
      for (const statement of statementsIn(file)) await ask(client, statement);
    } finally {
      await client.end();
    }
  });

  it("has queries to test", () => {
    expect(files.flatMap(statementsIn).length).toBeGreaterThan(15);
  });
});

const statementsIn = (file: string): string[] =>
  readFileSync(join(FOLDER, file), "utf8")
    .replaceAll(/^--.*$/gm, "")
    .split(/;\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");

/** Runs a statement. With parameters it is only planned, which checks tables, columns, types and permissions, too. */
async function ask(client: Client, statement: string): Promise<void> {
  const parameters = Math.max(
    0,
    ...Array.from(statement.matchAll(/\$(\d+)/g), ([, at]) => Number(at)),
  );
  if (parameters === 0) return void (await client.query(statement));
  await client.query(`PREPARE earlier AS ${statement}`);
  await client.query(`EXPLAIN EXECUTE earlier(${Array(parameters).fill("NULL").join(", ")})`);
  await client.query("DEALLOCATE earlier");
}
