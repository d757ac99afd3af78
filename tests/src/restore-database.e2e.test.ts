import { migrate } from "@fiberstream/provisioning/migrate";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { testNamespace } from "@fiberstream/testkit/namespace";
import type { ServiceName } from "@fiberstream/runtime/services";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";
import { type BackedUpDatabase, createBackedUpDatabase } from "./platform/backed-up-database.ts";
import { commandsOf } from "./runbooks/runbook-commands.ts";
import { runsNatively } from "./platform/runs-natively.ts";
import { eventOf } from "./platform/send.ts";

const EVENTS = 40;
const print = () => undefined;
const page = commandsOf("restore-database.md");
const blocks = (heading: string) => page.get(heading) ?? [];

let life: Life;
let database: BackedUpDatabase;
let start: (name: ServiceName) => Promise<RunningService>;

const describeNatively = runsNatively ? describe : describe.skip;

/** Runs the commands of docs/runbooks/restore-database.md, unchanged. */
describeNatively("the runbook to restore the database", () => {
  beforeAll(async () => {
    life = createLife();
    const namespace = testNamespace();
    [database] = await Promise.all([createBackedUpDatabase(), createTestTopics(namespace)]);
    life.own(database, (owned) => owned.remove());
    start = (name) =>
      startService(name, { NAMESPACE: namespace, DATABASE_URL: database.url("fiberstack") });
    await database.start();
    await migrate({ databaseUrl: database.url("fiberstack"), print });
  });
  afterAll(() => life.stop());

  it("restores an earlier state, and the sink writes the later events again, once", async () => {
    await database.run(blocks("Once: archive the write-ahead log").join(""));
    await database.stop();
    await database.start();
    const gateway = life.own(await start("ingest-gateway"), (owned) => owned.kill());
    let [processor, sink] = await Promise.all([start("stream-processor"), start("sink-writer")]);
    life.own("services", () => Promise.all([processor.kill(), sink.kill()]));

    await send(gateway, "before-the-backup");
    await untilRows(EVENTS);
    for (let night = 0; night < 4; night++) {
      await database.run(blocks("Every night: a base backup").join(""));
    }
    // Three backups are kept, and the archive begins with the oldest of them.
    await database.run(
      'test "$(ls "$BACKUP" | wc -l)" = 3; label="$(cat "$(ls -d "$BACKUP"/*Z | head -n 1)/backup_label")"; ' +
        'first="$(ls "$ARCHIVE" | head -n 1)"; case "$label" in *"file ${first%%.*}"*) ;; *) exit 1;; esac',
    );
    expect(await read("SELECT count(*)::int FROM base_backups")).toEqual([{ count: 4 }]);
    await send(gateway, "before-the-moment");
    await untilRows(2 * EVENTS);
    const [{ moment } = { moment: "" }] = await read<{ moment: string }>(
      "SELECT clock_timestamp()::text AS moment",
    );
    await send(gateway, "after-the-moment");
    await untilRows(3 * EVENTS);

    // Revisions that others have seen must not be used again by other changes.
    await read("UPDATE nodes SET city = 'Accra'; UPDATE nodes SET city = 'Lagos'");
    const [seen = { revision: "0" }] = await read<{ revision: string }>(
      "SELECT max(revision)::text AS revision FROM nodes",
    );

    const [switchLog = "", putInPlace = "", forget = "", raise = "", ...rest] =
      blocks("Restore to a moment");
    expect(rest).toEqual([]);
    expect(await Promise.all([sink.stop(), processor.stop()])).toEqual([0, 0]);
    await send(gateway, "while-it-is-restored");
    await database.run(switchLog);
    await database.stop();
    await database.run(putInPlace, { MOMENT: moment });
    await database.start();
    await until(
      async () => {
        const [row] = await read<{ done: boolean }>("SELECT NOT pg_is_in_recovery() AS done");
        return row?.done;
      },
      { what: "the server has replayed the archive", timeoutMs: 60_000 },
    );
    await database.run(forget);

    expect(await countRows()).toBe(2 * EVENTS);
    const [offsets] = await read<{ sum: number }>("SELECT sum(next_offset)::int FROM sink_offsets");
    // Transaction markers count, too.
    expect(offsets?.sum).toBeGreaterThanOrEqual(2 * EVENTS);
    await migrate({ databaseUrl: database.url("fiberstack"), print });
    await database.run(raise);

    [processor, sink] = await Promise.all([start("stream-processor"), start("sink-writer")]);
    await untilRows(4 * EVENTS);
    expect(
      await read(
        `SELECT count(*)::int AS rows, count(DISTINCT event_id)::int AS events,
                (SELECT count(*)::int FROM metric_conflicts) AS conflicts,
                (SELECT count(*)::int FROM nodes WHERE status = 'reporting') AS nodes
         FROM metrics`,
      ),
    ).toEqual([{ rows: 4 * EVENTS, events: 4 * EVENTS, conflicts: 0, nodes: 4 }]);
    // All nodes, including those that were created again.
    expect(await read(`SELECT node_id FROM nodes WHERE revision <= ${seen.revision}`)).toEqual([]);
  }, 240_000);

  it("restores a dump into another database, which accepts rows again", async () => {
    await database.run(blocks("Without an archive: a dump").join(""));
    const restored = database.url("restored");
    expect(await countRows(restored)).toBe(await countRows());
    await migrate({ databaseUrl: restored, print });
    const later =
      "(jsonb_populate_record(m, jsonb_build_object('time', m.time + interval '8 days'))).*";
    await read(`INSERT INTO metrics SELECT ${later} FROM metrics AS m LIMIT 1`, restored);
    expect(await countRows(restored)).toBe((await countRows()) + 1);
  });
});

/** Sends events of one probe, a millisecond apart. */
async function send({ url }: RunningService, nodeId: string): Promise<void> {
  const nowMs = Date.now();
  const metrics = Array.from({ length: EVENTS }, (_, at) =>
    eventOf(nodeId, { timestamp: new Date(nowMs - at).toISOString() }),
  );
  const answer = await fetch(`${url}/api/ingest`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ metrics }),
  });
  expect(answer.status).toBe(202);
}

const untilRows = (count: number) =>
  until(async () => (await countRows()) >= count, {
    what: `${count} rows exist`,
    timeoutMs: 40_000,
  });

async function countRows(url?: string): Promise<number> {
  const [row] = await read<{ count: number }>("SELECT count(*)::int FROM metrics", url);
  return row?.count ?? 0;
}

async function read<Row extends object>(
  sql: string,
  url = database.url("fiberstack"),
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
