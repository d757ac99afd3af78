import { randomUUID } from "node:crypto";
import { createPool, query } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createJobTable } from "../jobs/job-table.ts";
import { type DoJob, startJobRunner } from "../jobs/run-jobs.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

const INSERT = `
  INSERT INTO jobs (kind, dry_run, tenant, created_by, request)
  VALUES ('redrive', $2, $1, 'test', '{}') RETURNING job_id`;

/** Runs jobs until they are told to stop, except those of the tenant "short". */
async function startRunner({ turnMs }: { turnMs: number }) {
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 2, log }),
    (owned) => owned.end(),
  );
  const begun: (string | null)[] = [];
  const redrive: DoJob = async ({ tenant }, { report, stopping }) => {
    begun.push(tenant);
    report({ done: begun.length });
    if (tenant !== "short") {
      await new Promise((resolve) => stopping.addEventListener("abort", resolve, { once: true }));
    }
    return { done: begun.length };
  };
  const add = async (tenant: string, { dryRun = false } = {}) => {
    const [job] = await query<{ job_id: string }>(pool, INSERT, [tenant, dryRun]);
    return job?.job_id;
  };
  const table = createJobTable({ pool, holder: randomUUID(), leaseMs: 300 });
  let renewals = 0;
  const runner = startJobRunner({
    table: {
      ...table,
      renew: async (...renewed) => {
        const lease = await table.renew(...renewed);
        if (lease.isAwaited) renewals++;
        return lease;
      },
    },
    kinds: { redrive },
    leaseMs: 300,
    turnMs,
    metrics: { countFinished: () => undefined, countTakenOver: () => undefined },
    log,
  });
  life.own(runner, (owned) => owned.end());
  const states = async () => {
    const rows = await query<{ tenant: string; state: string }>(
      pool,
      "SELECT tenant, state FROM jobs ORDER BY created_at",
    );
    return Object.fromEntries(rows.map(({ tenant, state }) => [tenant, state]));
  };
  return { pool, add, begun, states, renewals: () => renewals };
}

describe("jobs", () => {
  it("take turns: one that takes days lets the others go first, and goes on after them", async () => {
    const { pool, add, begun, states } = await startRunner({ turnMs: 200 });
    await add("long");
    await until(() => begun.length === 1, { what: "the long job has begun" });
    await add("short");
    await until(async () => (await states())["short"] === "succeeded", {
      what: "the short job has ended",
    });
    await until(() => begun.length >= 3, { what: "the long job goes on" });
    expect(begun.slice(0, 3)).toEqual(["long", "short", "long"]);
    expect(await states()).toEqual({ long: "running", short: "succeeded" });
    const ended = "SELECT actor_kind, actor FROM audit_log WHERE action = 'job.finished'";
    expect(await query(pool, ended)).toEqual([{ actor_kind: "service", actor: "console" }]);
  });

  it("that only count go on to their end, because they would begin anew", async () => {
    const { add, begun, renewals } = await startRunner({ turnMs: 1 });
    await add("counts", { dryRun: true });
    await until(() => begun.length === 1, { what: "the dry run has begun" });
    await add("short");
    await until(() => renewals() >= 3, { what: "it has gone on while another job waits" });
    expect(begun).toEqual(["counts"]);
  });
});
