import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { fillLog } from "../testing/fill-log.ts";
import { createLogFixture, type LogFixture } from "../testing/log-fixture.ts";

let log: LogFixture;
beforeAll(async () => {
  log = await createLogFixture();
  await fillLog(log.pool, { count: 20_000 });
});
afterAll(() => log.end());

// How long a million entries take: npm run bench:audit.
describe("a log of many pages", () => {
  it("is verified from its first entry to its last, and the wrong one among them is found", async () => {
    const all = await log.verify();
    expect(all.findings).toEqual([]);
    expect(all.entries).toBeGreaterThan(20_000);
    await log.attack("UPDATE audit_log SET object = 'probe-other' WHERE seq = 19000");
    expect(await log.verify()).toMatchObject({
      entries: 18_999,
      findings: [{ guard: "columns", seq: 19_000 }],
    });
  });
});
