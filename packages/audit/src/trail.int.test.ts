import { actAs, appendEntry, inTransactionAs, recordAttempt } from "@fiberstream/postgres/acting";
import { attemptAs, attemptOutside } from "@fiberstream/postgres/attempts";
import { inTransaction, query } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { canonicalText } from "./log/audit-row.ts";
import { createLogFixture, type LogFixture } from "./testing/log-fixture.ts";

// How entries come into the log: with their change, by nobody but audit_append().
let log: LogFixture;
beforeAll(async () => {
  log = await createLogFixture();
});
afterAll(() => log.end());

const OPERATOR = { kind: "operator", id: "ama.mensah", requestId: "r-1" } as const;
const newest = async (count: number) =>
  log.run<{ action: string; object: string; actor_kind: string; actor: string; outcome: string }>(
    `SELECT action, object, actor_kind, actor, outcome FROM
       (SELECT * FROM audit_log ORDER BY seq DESC LIMIT $1) AS newest ORDER BY seq`,
    [count],
  );
const size = async () => {
  const [head] = await log.run<{ seq: number }>("SELECT seq::float8 AS seq FROM audit_head");
  return head?.seq ?? 0;
};

/** A change of each audited table, and the action that its entry has. */
const CHANGES: readonly (readonly [text: string, action: string])[] = [
  ["INSERT INTO nodes (node_id, display_name) VALUES ('a-1', 'A')", "node.created"],
  ["UPDATE nodes SET city = 'Accra' WHERE node_id = 'a-1'", "node.changed"],
  ["UPDATE nodes SET status = 'deleted' WHERE node_id = 'a-1'", "node.deleted"],
  ["DELETE FROM nodes WHERE node_id = 'a-1'", "node.deleted"],
  [
    `INSERT INTO api_keys (key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst)
     VALUES ('aaaaaaaa', sha256('s'), 'acme', 'a-*', 1, 1)`,
    "key.created",
  ],
  ["UPDATE api_keys SET max_nodes = 7", "key.changed"],
  ["UPDATE api_keys SET revoked_at = now()", "key.revoked"],
  ["DELETE FROM api_keys", "key.deleted"],
  [
    "INSERT INTO reader_keys (key_id, secret_sha256) VALUES ('bbbbbbbb', sha256('s'))",
    "reader_key.created",
  ],
  ["UPDATE reader_keys SET revoked_at = now()", "reader_key.revoked"],
  ["DELETE FROM reader_keys", "reader_key.deleted"],
  ["INSERT INTO tenant_limits VALUES ('acme', 1, 1)", "tenant_limit.created"],
  ["UPDATE tenant_limits SET burst = 2", "tenant_limit.changed"],
  ["DELETE FROM tenant_limits", "tenant_limit.deleted"],
  ["UPDATE key_id_secret SET secret = sha256('x')", "key_id_secret.changed"],
  [
    "UPDATE data_lifecycle SET drop_after = '8 days' WHERE relation = 'metrics'",
    "retention.changed",
  ],
  ["INSERT INTO base_backups (note) VALUES ('s3')", "base_backup.created"],
  [
    "INSERT INTO erasures (node_id, honoured_until, requested_by) VALUES ('a-1', now(), 'ama')",
    "erasure.created",
  ],
  ["UPDATE erasures SET finished_at = now()", "erasure.finished"],
  [
    `INSERT INTO imports (file_digest, tenant, file_name, file_bytes, format, started_by)
     VALUES (repeat('0', 64), 'acme', 'f.csv', 1, 'csv', 'ama')`,
    "import.created",
  ],
  ["UPDATE imports SET finished_at = now()", "import.finished"],
  ["INSERT INTO jobs (kind, created_by, request) VALUES ('redrive', 'k', '{}')", "job.created"],
  ["UPDATE jobs SET cancel_requested_at = now(), cancelled_by = 'k'", "job.cancel_requested"],
  ["UPDATE jobs SET finished_at = now(), state = 'cancelled'", "job.finished"],
  ["TRUNCATE tenant_limits", "tenant_limit.truncated"],
];

describe("a change of an audited table", () => {
  it.each(CHANGES)("is one transaction with its entry: %s", async (text, action) => {
    const before = await size();
    // Rolled back: neither.
    const failing = inTransactionAs(log.pool, OPERATOR, async (client) => {
      await query(client, text);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await size()).toBe(before);
    // Without a way to append, the change cannot commit.
    await query(log.pool, "ALTER TABLE audit_log ADD CONSTRAINT no_room CHECK (seq < 0) NOT VALID");
    await expect(inTransactionAs(log.pool, OPERATOR, (on) => query(on, text))).rejects.toThrow(
      /"no_room"/,
    );
    await query(log.pool, "ALTER TABLE audit_log DROP CONSTRAINT no_room");
    expect(await size()).toBe(before);
    // Committed: both.
    await inTransactionAs(log.pool, OPERATOR, (client) => query(client, text));
    expect(await size()).toBe(before + 1);
    expect(await newest(1)).toMatchObject([{ action, actor_kind: "operator", outcome: "ok" }]);
  });

  it("has its entry when nobody said who acts, and with triggers of replication off", async () => {
    await inTransaction(log.pool, async (client) => {
      await query(client, "SET LOCAL session_replication_role = 'replica'");
      await query(client, "INSERT INTO tenant_limits VALUES ('other', 1, 1)");
    });
    expect(await newest(1)).toEqual([
      {
        action: "tenant_limit.created",
        object: "other",
        actor_kind: "database",
        actor: "postgres",
        outcome: "ok",
      },
    ]);
  });

  it("has no entry when a service registers a node or says whether it reports", async () => {
    const before = await size();
    await log.run("INSERT INTO nodes (node_id, country, region) VALUES ('s-1', 'GH', 'r')");
    await log.run("UPDATE nodes SET status = 'reporting', tenant = 'acme', last_seen_at = now()");
    await log.run("UPDATE nodes SET status = 'inactive', silent_since = now()");
    await log.run("UPDATE nodes SET published_revision = revision");
    await log.run("UPDATE jobs SET progress = '{}', updated_at = now(), lease_until = now()");
    expect(await size()).toBe(before);
    await log.run("UPDATE nodes SET status = 'deleted'");
    expect(await newest(1)).toMatchObject([{ action: "node.deleted", object: "s-1" }]);
  });

  it("keeps secrets, names of people and the data of erased nodes out of the log", async () => {
    const found = await log.run<{ text: string }>(
      "SELECT string_agg(convert_from(entry, 'UTF8'), E'\\n') AS text FROM audit_log",
    );
    const text = found[0]?.text ?? "";
    expect(text).toContain('"secret_sha256":"(withheld)"');
    expect(text).not.toMatch(/ama\.mensah|"ama"|\\\\x/);
    const [deleted] = await log.run<{ before: unknown }>(
      "SELECT before FROM audit_log WHERE action = 'node.deleted' AND after IS NULL",
    );
    expect(deleted?.before).toEqual({ node_id: "a-1", tenant: null });
  });

  it("is refused with a snapshot that may lack the newest entry", async () => {
    const repeatable = inTransaction(log.pool, async (client) => {
      await query(client, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      await query(client, "UPDATE data_lifecycle SET drop_after = '9 days'");
    });
    await expect(repeatable).rejects.toThrow(/READ COMMITTED/);
  });
});

describe("a crash between a change and its entry", () => {
  it("leaves neither", async () => {
    const before = await size();
    const crashed = inTransactionAs(log.pool, OPERATOR, async (client) => {
      await query(client, "INSERT INTO tenant_limits VALUES ('crash', 1, 1)");
      await appendEntry(client, { action: "x.done", objectKind: "x", object: "1" });
      const [backend] = await query<{ pid: number }>(client, "SELECT pg_backend_pid() AS pid");
      await query(log.pool, "SELECT pg_terminate_backend($1)", [backend?.pid]);
      await query(client, "SELECT 1");
    });
    await expect(crashed).rejects.toBeInstanceOf(TransientError);
    expect(await size()).toBe(before);
    expect(await log.run("SELECT FROM tenant_limits WHERE tenant = 'crash'")).toEqual([]);
    expect((await log.verify()).findings).toEqual([]);
  });
});

describe("two processes at once", () => {
  it("have one order without a gap, also when they lock the same rows in another order", async () => {
    await log.run("INSERT INTO nodes (node_id) VALUES ('p-1'), ('p-2')");
    const before = await size();
    const change = (first: string, second: string, city: string) =>
      inTransactionAs(log.pool, { kind: "user", id: city }, async (client) => {
        await query(client, "UPDATE nodes SET city = $2 WHERE node_id = $1", [first, city]);
        await appendEntry(client, { action: "x.done", objectKind: "x", object: second });
      });
    const all = Array.from({ length: 40 }, (_, at) =>
      at % 2 === 0 ? change("p-1", "p-2", `c-${at}`) : change("p-2", "p-1", `c-${at}`),
    );
    await Promise.all(all);
    expect(await size()).toBe(before + 80);
    expect((await log.verify()).findings).toEqual([]);
  });
});

describe("a transaction that holds the lock of the log", () => {
  it("does not stop others for ever: their changes fail and can be tried again, and leases go on", async () => {
    await log.run("INSERT INTO jobs (kind, created_by, request) VALUES ('redrive', 'k', '{}')");
    await inTransaction(log.pool, async (holder) => {
      await appendEntry(holder, { action: "x.held", objectKind: "x", object: "1" });
      const startedMs = performance.now();
      const waiting = inTransactionAs(log.pool, OPERATOR, (client) =>
        query(client, "INSERT INTO tenant_limits VALUES ('waits', 1, 1)"),
      ).catch((error: unknown) => error);
      await log.run("UPDATE jobs SET lease_until = now(), updated_at = now()");
      expect(performance.now() - startedMs).toBeLessThan(2_500);
      const error = await waiting;
      expect(error).toBeInstanceOf(TransientError);
      expect(String(error)).toMatch(/55P03.*the lock of the audit log/);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    });
    expect((await log.verify()).findings).toEqual([]);
  });
});

describe("a try", () => {
  it("that fails or is denied is an entry of its own", async () => {
    const attempt = { action: "node.changed", objectKind: "node", object: "a-1", tenant: "acme" };
    const failing = attemptAs(log.pool, OPERATOR, attempt, () =>
      Promise.reject(new Error("there is no node a-1")),
    );
    await expect(failing).rejects.toThrow("there is no node");
    const denied = attemptAs(log.pool, OPERATOR, attempt, async (client) => {
      await query(client, "SET LOCAL ROLE fiberstream_operator");
      await query(client, "DELETE FROM nodes");
    });
    await expect(denied).rejects.toThrow(/permission denied/);
    await recordAttempt(
      log.pool,
      { kind: "anonymous", id: "-", address: "::1" },
      { action: "session.begun", objectKind: "user", object: "-", outcome: "denied" },
    );
    expect(await newest(3)).toMatchObject([
      { action: "node.changed", actor_kind: "operator", outcome: "failed" },
      { action: "node.changed", outcome: "denied" },
      { action: "session.begun", actor_kind: "anonymous", actor: "-", outcome: "denied" },
    ]);
  });

  it("outside of the database is between two entries, and is not made without the first", async () => {
    const attempt = { action: "breaker.reset", objectKind: "breaker", object: "3" };
    const done = await attemptOutside(
      log.pool,
      OPERATOR,
      attempt,
      () => Promise.resolve(5),
      (count) => ({ count }),
    );
    expect(done).toBe(5);
    const failing = attemptOutside(log.pool, OPERATOR, attempt, () =>
      Promise.reject(new Error("Kafka is unavailable")),
    );
    await expect(failing).rejects.toThrow("Kafka is unavailable");
    expect(await newest(4)).toMatchObject([
      { action: "breaker.reset.begun", outcome: "ok" },
      { action: "breaker.reset.ended", outcome: "ok" },
      { action: "breaker.reset.begun", outcome: "ok" },
      { action: "breaker.reset.ended", outcome: "failed" },
    ]);
    let isDone = false;
    const nobody = { kind: "operator", id: "" } as const;
    const refused = attemptOutside(log.pool, nobody, attempt, () => {
      isDone = true;
      return Promise.resolve();
    });
    await expect(refused).rejects.toThrow(/no kind or no id/);
    expect(isDone).toBe(false);
  });
});

describe("a role that does not own the log", () => {
  const REFUSED = [
    "INSERT INTO audit_log SELECT * FROM audit_log LIMIT 1",
    "UPDATE audit_log SET actor = 'x'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "ALTER TABLE audit_log DISABLE TRIGGER audit_append_only",
    "ALTER TABLE nodes DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_update ON nodes",
    "SET session_replication_role = 'replica'",
    "DELETE FROM audit_lock",
    "UPDATE actors SET name = 'x'",
    "CREATE OR REPLACE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TEMP TABLE t (a text); CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION audit_row('user', 'a')",
  ];
  it.each([
    "fiberstream_operator",
    "fiberstream_console",
    "fiberstream_sink",
    "fiberstream_reader",
  ])("can change nothing of it: %s", async (role) => {
    for (const text of REFUSED) {
      const tried = inTransaction(log.pool, async (client) => {
        // session_user too: SET ROLE alone would leave the rights of a superuser's session.
        await query(client, `SET LOCAL SESSION AUTHORIZATION ${role}`);
        await query(client, text);
      });
      await expect(tried).rejects.toThrow(/permission denied|must be owner/);
    }
  });

  it("is refused like the owner himself while the triggers are enabled", async () => {
    for (const text of [...REFUSED.slice(0, 4), "DELETE FROM audit_lock"]) {
      await expect(log.run(text)).rejects.toThrow(/append-only/);
    }
  });

  it("appends through audit_append() if it may, and the log has the account", async () => {
    await inTransaction(log.pool, async (client) => {
      await query(client, "SET LOCAL SESSION AUTHORIZATION fiberstream_operator");
      await actAs(client, OPERATOR);
      await query(client, "INSERT INTO tenant_limits VALUES ('own', 1, 1)");
    });
    const [row] = await log.run(
      "SELECT database_role, action FROM audit_log ORDER BY seq DESC LIMIT 1",
    );
    expect(row).toEqual({ database_role: "fiberstream_operator", action: "tenant_limit.created" });
    const reader = inTransaction(log.pool, async (client) => {
      await query(client, "SET LOCAL SESSION AUTHORIZATION fiberstream_reader");
      await query(client, "SELECT audit_append('a', 'b', 'c')");
    });
    await expect(reader).rejects.toThrow(/permission denied/);
  });
});

describe("names of people", () => {
  it("are apart from the log: erasing one leaves the chain as it is", async () => {
    const [ama] = await log.run<{ user_id: string }>(
      "INSERT INTO users (kind, name) VALUES ('local', 'Ama') RETURNING user_id",
    );
    const userId = ama?.user_id ?? "";
    // What a session claims somebody's name is does not count.
    await recordAttempt(
      log.pool,
      { kind: "user", id: userId, name: "Somebody else" },
      { action: "x.done", objectKind: "x", object: "1" },
    );
    const [operator, user] = await log.run<{ actor_id: string }>(
      "SELECT actor_id FROM actors WHERE name IN ('ama.mensah', 'Ama') ORDER BY kind",
    );
    const id = operator?.actor_id ?? "";
    expect(id).toMatch(/^operator-[0-9a-f]{12}$/);
    expect(user).toEqual({ actor_id: userId });
    expect(await log.run("SELECT audit_forget('operator', $1) AS done", [id])).toEqual([
      { done: true },
    ]);
    expect(await log.run("SELECT name FROM actors WHERE actor_id = $1", [id])).toEqual([
      { name: null },
    ]);
    expect(await newest(1)).toMatchObject([{ action: "actor.erased", object: `operator ${id}` }]);
    expect(await log.run("SELECT audit_forget('operator', $1) AS done", [id])).toEqual([
      { done: false },
    ]);
    expect((await log.verify()).findings).toEqual([]);
  });
});

describe("the canonical form in PostgreSQL", () => {
  it("is that of RFC 8785, for any JSON that jsonb holds", async () => {
    const exact = fc.double({ noNaN: true, noDefaultInfinity: true, min: -9e15, max: 9e15 });
    const key = fc
      .string({ unit: "binary", maxLength: 6 })
      .map((text) => text.replaceAll("\0", ""));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        exact.filter((value) => value === 0 || Math.abs(value) > 1e-300),
        key,
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { minLength: 20, maxLength: 20 }), async (values) => {
        const given = values.map((value) => JSON.stringify(value));
        const rows = await log.run<{ text: string }>(
          "SELECT jcs(value::jsonb) AS text FROM unnest($1::text[]) WITH ORDINALITY AS given (value, place) ORDER BY place",
          [given],
        );
        expect(rows.map(({ text }) => text)).toEqual(values.map((value) => canonicalText(value)));
      }),
      { numRuns: 40 },
    );
  });

  it("writes what a double cannot hold as a string, and does not depend on the session", async () => {
    await inTransaction(log.pool, async (client) => {
      await query(client, "SET LOCAL extra_float_digits = -10; SET LOCAL TimeZone = 'Asia/Tokyo'");
      const [row] = await query(
        client,
        `SELECT jcs('[9007199254740993, 1e400, 1e-400, 0.1234567890123456789, 1e21, 0.1, 1.50, 1e-7, 333333333.3333333]') AS text`,
      );
      expect(row).toEqual({
        text: `["9007199254740993","1${"0".repeat(400)}","0.${"0".repeat(399)}1","0.1234567890123456789","1${"0".repeat(21)}",0.1,1.5,1e-7,333333333.3333333]`,
      });
    });
  });

  it("keeps an entry below what a record of Kafka may have", async () => {
    await recordAttempt(log.pool, OPERATOR, {
      action: "x.done",
      objectKind: "x",
      object: "y".repeat(10_000),
      reason: "z".repeat(10_000),
      before: { small: 1, large: "a".repeat(1_000_000) },
      after: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, "b"])),
    });
    const [row] = await log.run<{ bytes: number; before: unknown; after: unknown }>(
      "SELECT length(entry) AS bytes, before, after FROM audit_log ORDER BY seq DESC LIMIT 1",
    );
    expect(row?.bytes).toBeLessThan(5_000);
    expect(row?.before).toEqual({
      small: 1,
      large: { bytes: 1_000_002, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(row?.after).toMatchObject({ bytes: expect.any(Number) });
    expect((await log.verify()).findings).toEqual([]);
  });
});
