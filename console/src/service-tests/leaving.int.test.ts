import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { PoolClient } from "pg";
import {
  insertEvents,
  insertNode,
  metricOf,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  // Nothing here ends because it takes too long.
  running = await startTestConsole(life, {
    QUERY_MAX_CONNECTIONS: "1",
    QUERY_TIMEOUT_MS: "30000",
    EXPORT_MAX_CONNECTIONS: "1",
  });
  await insertNode(running.pool, "a");
  await insertEvents(running.pool, { node: "a", count: 3 });
});
afterAll(() => life.stop());

/** Keeps whoever reads a table waiting. */
let lock: PoolClient | undefined;
const lockTable = async (table: "nodes" | "metrics") => {
  lock = await running.pool.connect();
  await lock.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
};
const unlock = async () => {
  await lock?.query("ROLLBACK");
  lock?.release();
  lock = undefined;
};
afterEach(unlock);

/** Asks, and leaves when `leave` is called. */
const ask = (path: string) => {
  const stop = new AbortController();
  const answer = running.ask(path, { signal: stop.signal });
  answer.catch(() => undefined);
  return { answer, leave: () => stop.abort() };
};
const statements = async () => {
  const { rows } = await running.pool.query<{ query: string }>(
    `SELECT query FROM pg_stat_activity
     WHERE application_name = 'fiberstream-console' AND datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
};
const untilStatements = (count: number) =>
  until(async () => (await statements()) === count, {
    what: `${count} statements of the console wait for the lock`,
    // Below the time after which the statement would end anyway.
    timeoutMs: 15_000,
  });
const abandoned = () => metricOf(running, "fiberstream_console_abandoned_questions_total");
const waiting = () => metricOf(running, "fiberstream_console_waiting_questions");

describe("a question whose asker has left", () => {
  it("is cancelled in the database", async () => {
    const before = await abandoned();
    await lockTable("nodes");
    const { leave } = ask("/api/v1/nodes");
    await untilStatements(1);
    leave();
    await untilStatements(0);
    expect(await abandoned()).toBe(before + 1);
    await unlock();
    expect((await running.ask("/api/v1/nodes")).status).toBe(200);
  });

  it("waits no longer for its turn, and its place is free", async () => {
    await lockTable("nodes");
    const first = ask("/api/v1/nodes");
    await untilStatements(1);
    const second = ask("/api/v1/nodes?limit=2");
    await until(async () => (await waiting()) === 1, { what: "the second one waits" });
    second.leave();
    await until(async () => (await waiting()) === 0, { what: "nobody waits", timeoutMs: 15_000 });
    await unlock();
    expect((await first.answer).status).toBe(200);
  });

  it("is still answered for others who ask the same", async () => {
    const shared = () => metricOf(running, "fiberstream_console_shared_answers_total");
    const before = { shared: await shared(), abandoned: await abandoned() };
    await lockTable("nodes");
    const first = ask("/api/v1/nodes?limit=3");
    await untilStatements(1);
    const second = ask("/api/v1/nodes?limit=3");
    await until(async () => (await shared()) === before.shared + 1, { what: "it is shared" });
    first.leave();
    await until(async () => (await abandoned()) === before.abandoned + 1, { what: "one left" });
    expect(await statements()).toBe(1);
    await unlock();
    expect((await second.answer).status).toBe(200);
  });

  it("does not cancel what others read with it", async () => {
    const before = await abandoned();
    await lockTable("nodes");
    // Read once for all who ask within a second.
    const first = ask("/api/v1/nodes/latest");
    await untilStatements(1);
    first.leave();
    await until(async () => (await abandoned()) > before, { what: "it was noticed" });
    const second = ask("/api/v1/nodes/latest");
    await unlock();
    expect((await second.answer).status).toBe(200);
  });

  it("is cancelled although it is an export that has not sent a row yet", async () => {
    await lockTable("metrics");
    const { leave } = ask("/api/v1/export?from=-1h");
    await untilStatements(1);
    const next = ask("/api/v1/export?from=-2h");
    leave();
    // The next one has its turn, and waits for the same lock.
    await untilStatements(1);
    next.leave();
    await untilStatements(0);
    await unlock();
    const whole = await running.ask("/api/v1/export?from=-1h");
    expect(await whole.text()).toContain("# end: 3 rows");
  });
});

describe("a change whose asker has left", () => {
  it("is done, because it had begun", async () => {
    await lockTable("nodes");
    const stop = new AbortController();
    const deleting = running.ask("/api/v1/nodes/a", { method: "DELETE", signal: stop.signal });
    deleting.catch(() => undefined);
    await untilStatements(1);
    const before = await abandoned();
    stop.abort();
    await until(async () => (await abandoned()) > before, { what: "it was noticed" });
    await unlock();
    await until(
      async () =>
        (await running.pool.query("SELECT FROM nodes WHERE node_id = 'a' AND status = 'deleted'"))
          .rowCount === 1,
      { what: "the node is deleted" },
    );
  });
});
