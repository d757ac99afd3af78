import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readerHeaders, startTestConsole, type TestConsole } from "./console-fixture.ts";

type Change = {
  at: string;
  kind: string;
  subject: string;
  tenant: string | null;
  changed_by: string | null;
  detail: Record<string, unknown>;
};
type Changes = { data: Change[]; meta: { next_cursor: string | null } };

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { AUTH_MODE: "keys" });
  await running.pool.query(
    "INSERT INTO nodes (node_id, tenant) VALUES ('a', 'acme'), ('z', 'zeta')",
  );
  for (const change of [
    "status = 'reporting', last_seen_at = now()",
    "last_seen_at = now() + interval '10 s'",
    "status = 'inactive', silent_since = now()",
    "status = 'reporting', silent_since = NULL",
    "display_name = 'Accra', lat = 5.5",
    "status = 'deleted'",
  ]) {
    await running.pool.query(`UPDATE nodes SET ${change} WHERE node_id = 'a'`);
  }
  await running.pool.query(
    `INSERT INTO node_alerts (opened_at, ended_at, state, end_value, value, resolve_below, alert_id, node_id, tenant, kind)
     VALUES ('2026-11-01', '2026-11-02', 'resolved', 1, 30, 5, '5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11', 'a', 'acme', 'packet_loss');
     INSERT INTO api_keys (key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst, created_at, revoked_at)
     VALUES ('aaaaaaaa', sha256('x'), 'acme', 'a*', 1, 1, '2026-11-03', '2026-11-04');
     INSERT INTO api_keys (key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst, created_at, expires_at)
     VALUES ('bbbbbbbb', sha256('x'), 'zeta', 'z*', 1, 1, '2026-11-03', '2026-11-05');
     INSERT INTO breaker_changes (changed_at, partition, kind, service, reason)
     VALUES ('2026-11-06', 3, 'breaker.opened', 'stream-processor', '200 consecutive bad records');
     INSERT INTO imports (file_digest, tenant, file_name, file_bytes, format, started_by, started_at, finished_at)
     VALUES (repeat('0', 64), 'acme', 'old.csv', 1, 'csv', 'ada as owner', '2026-11-07', '2026-11-08');
     INSERT INTO erasures (requested_at, honoured_until, finished_at, node_id, requested_by)
     VALUES ('2026-11-09', now(), '2026-11-10', 'x', 'ada as owner');
     INSERT INTO reconciled_minutes (minute, verdict, events, unaccounted, findings, judged_at)
     VALUES ('2026-11-11', 'differs', 9, 2, '[]', '2026-11-11'), ('2026-11-12', 'ok', 9, 0, '[]', '2026-11-12');
     INSERT INTO reconciliation_breaks (stage, partition, kind, from_offset, to_offset, events, minute, found_at)
     VALUES ('sink', 1, 'skipped', 5, 9, 4, '2026-11-13', '2026-11-13')`,
  );
});
afterAll(() => life.stop());

const keyOf = (tenant: string | null) => readerHeaders(running.pool, tenant);
const changesOf = async (query: string, headers: Record<string, string>): Promise<Changes> => {
  const answer = await running.ask(`/api/v1/changes?${query}`, { headers });
  const body = (await answer.json()) as Changes;
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body;
};
const named = ({ data }: Changes) => data.map(({ kind, subject }) => `${kind} ${subject}`);

describe("changes", () => {
  it("are one time line, the newest first", async () => {
    const all = await keyOf(null);
    expect(named(await changesOf("from=2026-11-01&to=2026-11-14", all))).toEqual([
      "reconciliation.gap sink",
      "reconciliation.differs 2026-11-11T00:00Z",
      "erasure.finished 1",
      "erasure.requested 1",
      "import.finished old.csv",
      "import.started old.csv",
      "breaker.opened stream-processor",
      "key.expired bbbbbbbb",
      "key.revoked aaaaaaaa",
      "key.created bbbbbbbb",
      "key.created aaaaaaaa",
      "alert.resolved a",
      "alert.opened a",
    ]);
  });

  it("of a node are recorded with what changed and by whom, but not each sign of life", async () => {
    const { data } = await changesOf("kind=node&node=a", await keyOf(null));
    expect(data.map(({ kind }) => kind)).toEqual([
      "node.deleted",
      "node.changed",
      "node.reporting",
      "node.silent",
      "node.reporting",
      "node.registered",
    ]);
    expect(data[1]).toMatchObject({
      tenant: "acme",
      changed_by: expect.stringMatching(/, test$/),
      detail: { display_name: [null, "Accra"], lat: [null, 5.5] },
    });
    expect(Object.keys(data[1]?.detail ?? {})).toHaveLength(2);
  });

  it("are found page by page, each once", async () => {
    const all = await keyOf(null);
    const range = "from=2026-11-01&to=2026-11-14";
    const whole = named(await changesOf(range, all));
    const paged: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await changesOf(`${range}&limit=1${cursor && `&cursor=${cursor}`}`, all);
      paged.push(...named(page));
      cursor = page.meta.next_cursor;
    }
    expect(paged).toEqual(whole);
  });

  it.each([
    [
      "kind=breaker.opened,alert",
      ["breaker.opened stream-processor", "alert.resolved a", "alert.opened a"],
    ],
    ["kind=key&tenant=zeta", ["key.expired bbbbbbbb", "key.created bbbbbbbb"]],
    ["node=z", ["node.registered z"]],
  ])("are found by %s", async (query, expected) => {
    expect(named(await changesOf(query, await keyOf(null)))).toEqual(expected);
  });

  it("have the versions of services when they first ran", async () => {
    const all = await keyOf(null);
    const found = await until(
      async () => {
        const { data } = await changesOf("kind=service", all);
        return data.length > 0 ? data : undefined;
      },
      { what: "the console has recorded its version" },
    );
    expect(found).toMatchObject([{ kind: "service.version", subject: "console" }]);
    await running.pool.query("SELECT record_service_version('console', $1)", [
      found[0]?.detail["version"],
    ]);
    expect((await changesOf("kind=service", all)).data).toEqual(found);
  });

  it("are those of the reader's tenant, without accounts of the database", async () => {
    const { data } = await changesOf("limit=1000", await keyOf("acme"));
    expect(new Set(data.map(({ tenant }) => tenant))).toEqual(new Set(["acme"]));
    expect(new Set(data.map(({ changed_by: by }) => by))).toEqual(new Set([null]));
    expect(data.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["node.deleted", "alert.opened", "key.revoked", "import.started"]),
    );
  });

  it("of a kind that is not known are rejected with those that are", async () => {
    const answer = await running.ask("/api/v1/changes?kind=node.exploded", {
      headers: await keyOf(null),
    });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: "INVALID_PARAMETER", detail: expect.stringContaining("node.deleted") },
    ]);
  });
});
