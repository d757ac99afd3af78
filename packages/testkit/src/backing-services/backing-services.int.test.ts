import { describe, expect, it } from "@jest/globals";
import { Client } from "pg";
import { addresses } from "../addresses.ts";
import { createTestDatabase } from "../database.ts";
import { testNamespace } from "../namespace.ts";
import { startPrivateBackingService } from "./private-backing-service.ts";
import { createTestTopics } from "../topics.ts";

describe("the shared backing services", () => {
  it("has TimescaleDB loaded in PostgreSQL", async () => {
    const client = new Client({ connectionString: addresses.databaseUrl });
    await client.connect();
    const { rows } = await client.query("SHOW shared_preload_libraries");
    await client.end();
    expect(rows).toEqual([{ shared_preload_libraries: "timescaledb" }]);
  });

  it("requires schemas to be compatible in both directions by default", async () => {
    const answer = await fetch(`${addresses.schemaRegistryUrl}/config`);
    expect(await answer.json()).toMatchObject({ compatibilityLevel: "FULL_TRANSITIVE" });
  });
});

describe("what a test creates for itself", () => {
  it("is a migrated database, which is deleted by drop", async () => {
    const database = await createTestDatabase();
    expect(await query(database.url, "SELECT count(*)::int AS n FROM metrics")).toEqual([{ n: 0 }]);
    await database.drop();
    await expect(query(database.url, "SELECT 1")).rejects.toThrow("does not exist");
  });

  it("is the catalogue's topics and subjects in a namespace", async () => {
    const namespace = testNamespace();
    await createTestTopics(namespace);
    const answer = await fetch(`${addresses.schemaRegistryUrl}/subjects`);
    expect(await answer.json()).toContain(`${namespace}probe.metrics.raw-value`);
  });
});

describe("a private backing service", () => {
  it("has the same data and address after SIGKILL and a restart", async () => {
    const backingService = await startPrivateBackingService("postgres");
    try {
      await query(backingService.address, "CREATE TABLE survivors AS SELECT 7 AS n");
      await backingService.kill();
      await expect(query(backingService.address, "SELECT 1")).rejects.toThrow();
      await backingService.start();
      expect(await query(backingService.address, "SELECT n FROM survivors")).toEqual([{ n: 7 }]);
    } finally {
      await backingService.remove();
    }
  }, 60_000);
});

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
