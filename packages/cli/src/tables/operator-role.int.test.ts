import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  changeKey,
  createKey,
  listKeys,
  revokeKey,
  rotateKey,
} from "@fiberstream/access/key-table";
import {
  createReaderKey,
  listReaderKeys,
  revokeReaderKey,
} from "@fiberstream/access/reader-key-table";
import { createTenantLimits } from "@fiberstream/access/tenant-limits";
import {
  createLogFixture,
  type LogFixture,
  verifyAll,
} from "@fiberstream/audit/testing/log-fixture";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { createPool, type PgClient, type PgPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { usersCommand } from "../commands/users/users.ts";
import { nodesOf } from "../erase/erasure-record.ts";
import { tableSource } from "../export/table-source.ts";
import { importFile } from "../import/import-file.ts";
import { openRejectedRows } from "../import/rejected-rows.ts";
import { createEventReader } from "../import/row-event.ts";
import { createUntilRolledUp } from "../import/until-rolled-up.ts";
import { acceptLog } from "./accept-log.ts";
import { listEntries } from "./audit-table.ts";
import { createNodeTable } from "./node-table.ts";
import { reconciledMinutes } from "./reconciled-table.ts";
import { recordsLeft, rewindSink } from "./rewind-sink.ts";

// What fiber does, with an account that is a member of fiberstream_operator and of nothing else.
const AMA = { kind: "operator", id: "ama" } as const;
let log: LogFixture;
let pool: PgPool;
let account: string;
beforeAll(async () => {
  log = await createLogFixture();
  account = `ama_${process.pid}`;
  await log.run(`CREATE ROLE ${account} LOGIN PASSWORD 'secret' IN ROLE fiberstream_operator`);
  const url = Object.assign(new URL(log.url), { username: account, password: "secret" });
  pool = createPool({
    databaseUrl: url.href,
    applicationName: "test",
    maxConnections: 2,
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });
});
afterAll(async () => {
  await pool.end();
  await log.run(`DROP ROLE ${account}`);
  await log.end();
});

const changing = <T>(work: (client: PgClient) => Promise<T>) =>
  attemptAs(pool, AMA, { action: "test.done", objectKind: "test", object: "-" }, work);
const actions = async () =>
  (await listEntries(pool, { actor: "ama", limit: 100 })).map(({ action }) => action).toReversed();

describe("fiberstream_operator", () => {
  it("manages keys, readers, limits and nodes", async () => {
    const key = {
      jwt_subject: null,
      tenant: "acme",
      node_pattern: "accra-*",
      rate_per_second: 1,
      burst: 1,
      requires_signature: false,
      note: null,
      expires_at: null,
    };
    const { row } = await changing((client) => createKey(client, key));
    const rotation = { keepOldSeconds: 0 };
    const { row: next } = await changing((client) => rotateKey(client, row.key_id, rotation));
    await changing((client) => changeKey(client, next.key_id, { max_nodes: 5 }));
    await changing((client) => revokeKey(client, next.key_id));
    expect(await listKeys(pool, { isRevokedToo: true })).toHaveLength(2);

    const reader = {
      tenant: null,
      may_change_nodes: false,
      rate_per_second: null,
      burst: null,
      note: null,
      expires_at: null,
    };
    const created = await changing((client) => createReaderKey(client, reader));
    await changing((client) => revokeReaderKey(client, created.row.key_id));
    expect(await listReaderKeys(pool, { isRevokedToo: true })).toHaveLength(1);

    await changing((client) =>
      createTenantLimits(client).set({ tenant: "acme", rate_per_second: 1, burst: 1 }),
    );
    await changing((client) => createTenantLimits(client).remove("acme"));

    await log.run("INSERT INTO nodes (node_id) VALUES ('accra-1')");
    await createNodeTable(pool, AMA).change("accra-1", { city: "Accra", status: "inactive" });
    expect(await actions()).toEqual([
      "key.created",
      "key.changed",
      "key.created",
      "key.changed",
      "key.revoked",
      "reader_key.created",
      "reader_key.revoked",
      "tenant_limit.created",
      "tenant_limit.deleted",
      "node.changed",
    ]);
  });

  it("moves the sink's offsets, and reads what the other commands read", async () => {
    const options = {
      topic: "t",
      log: { topicId: "a", clusterId: "c" },
      offsets: [{ partition: 0, low: 0n, high: 9n, atTime: 4n }],
      dryRun: false,
      actor: AMA,
    };
    const moves = await rewindSink(pool, { ...options, target: { kind: "offset", offset: 7n } });
    expect(moves).toEqual([{ partition: 0, from: undefined, to: 7n }]);
    expect(await recordsLeft(pool, "t", moves)).toBe(0);
    const found = {
      log: { topicId: "b", clusterId: "c" },
      partitions: [0],
      starts: new Map([[0, 2n]]),
    };
    const { accepted } = await acceptLog(pool, { topic: "t", found, dryRun: false, actor: AMA });
    expect(accepted).toHaveLength(1);
    expect((await actions()).slice(-4)).toEqual([
      "sink.rewound",
      "sink_offset.created",
      "sink.log_accepted",
      "sink_offset.changed",
    ]);
    const [entry] = await listEntries(pool, { action: "sink.rewound", limit: 1 });
    expect(entry).toMatchObject({ before: { "0": null }, after: { "0": "7" } });
    await reconciledMinutes(pool, { from: new Date(0), to: new Date() });
    await tableSource(pool, "metrics_enriched", { fromMs: 0, toMs: 1 });
    await nodesOf(pool, { node: "accra-1" });
    expect((await verifyAll(pool)).findings).toEqual([]);
  });

  it("imports a file; each node that it adds is an entry", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fiberstream-operator-"));
    const path = join(folder, "events.ndjson");
    const timestamp = new Date(Date.now() - 3_600_000).toISOString();
    const event = { node_id: "kumasi-1", country: "GH", region: "r", latency_ms: 1 };
    writeFileSync(
      path,
      `${JSON.stringify({ ...event, uptime_pct: 100, packet_loss: 0, timestamp })}\n`,
    );
    try {
      const counts = await importFile({
        pool,
        file: {
          path,
          format: "ndjson",
          key: { digest: "0".repeat(64), tenant: "acme" },
          name: "events.ndjson",
          bytes: 1,
          startedBy: "ama",
        },
        reader: createEventReader({
          schema: readAvroSchema("ProbeMetric"),
          tenant: "acme",
          hasTextValues: false,
          nowMs: Date.now(),
        }),
        limits: { batchRows: 10, maxRejected: 0, allowsExpired: false },
        isRestarted: false,
        openRejected: (afterRow) => openRejectedRows(join(folder, "rejected"), afterRow),
        pace: () => Promise.resolve(),
        untilRolledUp: createUntilRolledUp({ pool, onWaiting: () => undefined }),
        onProgress: () => undefined,
        stopping: new AbortController().signal,
      });
      expect(counts).toMatchObject({ inserted: 1, nodesAdded: 1 });
    } finally {
      rmSync(folder, { recursive: true });
    }
    const entries = await listEntries(pool, { action: "import.", limit: 10 });
    expect(entries.map(({ action }) => action)).toEqual(["import.finished", "import.created"]);
    const added = await listEntries(pool, { object: "kumasi-1", limit: 10 });
    expect(added.map(({ action }) => action)).toEqual(["node.created"]);
  });

  it.each([
    [
      "INSERT INTO nodes (node_id, tenant, country, region) VALUES ('psql-1', 'acme', 'GH', 'r')",
      "node.created",
    ],
    ["UPDATE nodes SET status = 'inactive' WHERE node_id = 'psql-1'", "node.changed"],
    ["UPDATE nodes SET status = 'reporting' WHERE node_id = 'psql-1'", "node.changed"],
    [
      "INSERT INTO sink_offsets (topic, partition, next_offset) VALUES ('p', 0, 1)",
      "sink_offset.created",
    ],
    ["UPDATE sink_offsets SET next_offset = 5 WHERE topic = 'p'", "sink_offset.changed"],
    ["DELETE FROM sessions", "session.deleted"],
  ])("has an entry of what somebody does with psql: %s", async (text, action) => {
    await log.run(
      `WITH added AS (INSERT INTO users (kind, name) VALUES ('local', 'u' || gen_random_uuid()) RETURNING user_id)
       INSERT INTO sessions (session_sha256, user_id, method, expires_at)
       SELECT sha256(user_id::text::bytea), user_id, 'link', now() FROM added`,
    );
    await log.run("UPDATE nodes SET silent_since = now() WHERE node_id = 'psql-1'");
    await pool.query(text);
    const [entry] = await listEntries(pool, { limit: 1 });
    expect(entry).toMatchObject({ action, actor_kind: "database", database_role: account });
    expect(JSON.stringify(entry)).not.toContain('sha256":"\\');
  });

  it("leaves no name of a user in the entries of tries that fail", async () => {
    await log.run("INSERT INTO users (kind, name, disabled_at) VALUES ('local', 'kofi', now())");
    const environment = jest.replaceProperty(process, "env", {
      ...inheritedEnvironment(),
      DATABASE_URL: log.url,
    });
    try {
      for (const words of [
        ["disable", "nobody.known"],
        ["reset", "kofi"],
        ["end-sessions", "nobody.known"],
        ["grant", "nobody.known", "--role", "viewer"],
        ["create", "kofi"],
      ]) {
        await expect(usersCommand().parseAsync(words, { from: "user" })).rejects.toThrow(/user/);
      }
    } finally {
      environment.restore();
    }
    const [found] = await log.run<{ failed: number; text: string }>(
      `SELECT count(*) FILTER (WHERE outcome = 'failed')::integer AS failed,
              string_agg(convert_from(entry, 'UTF8'), ' ') AS text FROM audit_log`,
    );
    expect(found?.failed).toBe(5);
    expect(found?.text).not.toMatch(/nobody\.known|kofi/);
  });

  it("cannot erase, and its try is an entry", async () => {
    const erasing = changing((client) => client.query("DELETE FROM metrics"));
    await expect(erasing).rejects.toThrow(/permission denied/);
    const [entry] = await listEntries(pool, { outcome: "denied", limit: 1 });
    expect(entry).toMatchObject({ action: "test.done", name: "ama", database_role: account });
  });
});
