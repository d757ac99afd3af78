import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { testNamespace } from "./namespace.ts";
import { startService } from "./service.ts";
import { createTestTopics } from "./topics.ts";
import { until } from "./until.ts";

let database: TestDatabase;
let environment: Record<string, string>;
beforeAll(async () => {
  const namespace = testNamespace();
  database = await createTestDatabase();
  await createTestTopics(namespace);
  environment = { NAMESPACE: namespace, DATABASE_URL: database.url };
});
afterAll(() => database.drop());

describe("startService", () => {
  it("returns a ready service that stops cleanly, and one that SIGKILL ends at once", async () => {
    const first = await startService("sink-writer", environment);
    expect((await fetch(`${first.adminUrl}/readyz`)).status).toBe(200);
    expect(await first.stop()).toBe(0);
    expect(first.logs()).toContain('"message":"stopped"');

    const second = await startService("sink-writer", environment);
    await second.kill();
    expect(second.logs()).not.toContain('"message":"stopped"');
    await expect(fetch(`${second.adminUrl}/readyz`)).rejects.toThrow();
  }, 30_000);

  it("shows the log of a service that does not start", async () => {
    const start = startService("sink-writer", { ...environment, LOG_LEVEL: "loud" });
    await expect(start).rejects.toThrow(/sink-writer did not start[^]*LOG_LEVEL/);
  });

  it("returns a service that is not ready, if the test asks for that", async () => {
    const service = await startService(
      "sink-writer",
      { ...environment, KAFKA_BROKERS: "127.0.0.1:1" },
      { awaitReady: false },
    );
    const answer = await until(() => fetch(`${service.adminUrl}/readyz`), { what: "it answers" });
    expect(answer.status).toBe(503);
    await service.kill();
  });
});
