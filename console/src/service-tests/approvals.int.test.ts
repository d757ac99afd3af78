import { createKey } from "@fiberstream/access/key-table";
import { createReaderKey } from "@fiberstream/access/reader-key-table";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";
import { insertUser, person, sending, type TestPerson, tokenOf } from "./askers-fixture.ts";

type Approval = {
  approval_id: string;
  state: string;
  requested_by: string;
  request_sha256: string;
  request: { path: Record<string, string> };
};
type Asked = {
  status: number;
  body: { data: Approval; code?: string; result?: { data: Record<string, unknown> } };
};

let life: Life;
let running: TestConsole;
let asker: TestPerson;
let second: TestPerson;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(
    life,
    { AUTH_MODE: "keys", APPROVALS: "on", KEY_MAX_AGE_MS: "100" },
    { hasOwnRole: true },
  );
  asker = await person(running.pool, { role: "admin" });
  second = await person(running.pool, { role: "admin" });
});
afterAll(() => life.stop());

async function ask(
  who: Pick<TestPerson, "headers">,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Asked> {
  const all = { ...who.headers, ...headers };
  const init = body === undefined ? { method, headers: all } : sending(method, body, all);
  const answer = await running.ask(`/api/v1${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Asked["body"] };
}
const codeOf = ({ status, body }: Asked) => [status, body.code];

let keys = 0;
const newKey = async (tenant = "acme") => {
  const { row } = await createKey(running.pool, {
    tenant,
    node_pattern: `${tenant}-${keys++}`,
    rate_per_second: 1,
    burst: 1,
    requires_signature: false,
    jwt_subject: null,
    expires_at: null,
    note: null,
  });
  return row.key_id;
};
const isRevoked = async (keyId: string) =>
  (
    await running.pool.query("SELECT FROM api_keys WHERE key_id = $1 AND revoked_at IS NOT NULL", [
      keyId,
    ])
  ).rowCount === 1;
/** Asks to revoke a key, and returns what waits for approval. */
async function askToRevoke(keyId: string, who = asker): Promise<Approval> {
  const answer = await ask(who, "DELETE", `/keys/${keyId}`);
  expect(answer.status).toBe(202);
  return answer.body.data;
}
const decide = (who: TestPerson, { approval_id: id, request_sha256 }: Approval) =>
  ask(who, "POST", `/approvals/${id}/approve`, { request_sha256 });

describe("what cannot be undone", () => {
  it("waits for a second person, and is done exactly as it was asked, once", async () => {
    const keyId = await newKey();
    const approval = await askToRevoke(keyId);
    expect(approval).toMatchObject({ state: "waiting", requested_by: asker.userId });
    expect(approval.request.path).toEqual({ key_id: keyId });
    expect(await isRevoked(keyId)).toBe(false);
    expect((await ask(asker, "GET", `/approvals/${approval.approval_id}`)).body.data).toEqual(
      approval,
    );

    expect(codeOf(await decide(asker, approval))).toEqual([409, "OWN_REQUEST"]);
    const forged = { ...approval, request_sha256: "0".repeat(64) };
    expect(codeOf(await decide(second, forged))).toEqual([412, "REVISION_CHANGED"]);
    const approved = await decide(second, approval);
    expect(approved.body).toMatchObject({
      data: { state: "approved", decided_by: second.userId },
      result: { data: { key_id: keyId } },
    });
    expect(await isRevoked(keyId)).toBe(true);
    expect(codeOf(await decide(second, approval))).toEqual([409, "WRONG_STATE"]);
    const { rows } = await running.pool.query<{ action: string; actor: string }>(
      `SELECT action, actor FROM audit_log WHERE object IN ($1, $2) ORDER BY seq`,
      [approval.approval_id, keyId],
    );
    expect(rows).toEqual(
      expect.arrayContaining([
        { action: "approval.created", actor: asker.userId },
        { action: "approval.changed", actor: second.userId },
        expect.objectContaining({
          action: expect.stringMatching(/^key\.(changed|revoked)$/),
          actor: second.userId,
        }),
      ]),
    );
  });

  it("is done once when two people approve it at the same moment", async () => {
    const third = await person(running.pool, { role: "admin" });
    const approval = await askToRevoke(await newKey());
    const both = await Promise.all([decide(second, approval), decide(third, approval)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  it("is refused at once if it could not be done, and not kept", async () => {
    expect(codeOf(await ask(asker, "DELETE", "/keys/abcdefgh2345"))).toEqual([
      404,
      "NO_SUCH_OBJECT",
    ]);
  });

  it("is not approved by the same person with another token or session", async () => {
    const own = await tokenOf(running.pool, asker.userId, { role: "admin" });
    const approval = await askToRevoke(await newKey());
    expect(codeOf(await decide(own, approval))).toEqual([409, "OWN_REQUEST"]);
    // The database refuses it, too.
    await expect(
      running.pool.query(
        "UPDATE approvals SET state = 'approved', decided_at = now(), decided_by = requested_by WHERE approval_id = $1",
        [approval.approval_id],
      ),
    ).rejects.toThrow(/approvals_check/);
  });

  it("is not done when who has asked was disabled, or when it has expired", async () => {
    const leaving = await person(running.pool, { role: "admin" });
    const [keyId, late] = [await newKey(), await newKey()];
    const approval = await askToRevoke(keyId, leaving);
    await running.pool.query("UPDATE users SET disabled_at = now() WHERE user_id = $1", [
      leaving.userId,
    ]);
    expect(codeOf(await decide(second, approval))).toEqual([409, "WRONG_STATE"]);
    const expired = await askToRevoke(late);
    for (const statement of [
      "ALTER TABLE approvals DISABLE TRIGGER approvals_are_final",
      `UPDATE approvals SET expires_at = now() - interval '1 second' WHERE approval_id = '${expired.approval_id}'`,
      "ALTER TABLE approvals ENABLE TRIGGER approvals_are_final",
    ]) {
      await running.pool.query(statement);
    }
    expect(codeOf(await decide(second, expired))).toEqual([409, "WRONG_STATE"]);
    expect([await isRevoked(keyId), await isRevoked(late)]).toEqual([false, false]);
  });

  it("can be rejected and withdrawn", async () => {
    const [one, two] = [await askToRevoke(await newKey()), await askToRevoke(await newKey())];
    const reject = (who: TestPerson) =>
      ask(who, "POST", `/approvals/${one.approval_id}/reject`, { reason: "in use" });
    expect(codeOf(await reject(asker))).toEqual([409, "OWN_REQUEST"]);
    expect((await reject(second)).body.data).toMatchObject({ state: "rejected" });
    const withdraw = (who: TestPerson) =>
      ask(who, "POST", `/approvals/${two.approval_id}/withdraw`);
    expect(codeOf(await withdraw(second))).toEqual([404, "NO_SUCH_OBJECT"]);
    expect((await withdraw(asker)).body.data).toMatchObject({ state: "withdrawn" });
  });

  it("is decided by administrators of its tenant, and is nothing to others", async () => {
    const ofAcme = await person(running.pool, { role: "admin", tenant: "acme" });
    const ofZebra = await person(running.pool, { role: "admin", tenant: "zebra" });
    const approval = await askToRevoke(await newKey("zebra"));
    const path = `/approvals/${approval.approval_id}`;
    expect(codeOf(await ask(ofAcme, "GET", path))).toEqual([404, "NO_SUCH_OBJECT"]);
    expect(codeOf(await decide(ofAcme, approval))).toEqual([404, "NO_SUCH_OBJECT"]);
    expect(JSON.stringify((await ask(ofAcme, "GET", "/approvals")).body)).not.toContain("zebra");
    expect(JSON.stringify((await ask(ofZebra, "GET", "/approvals")).body)).toContain(
      approval.approval_id,
    );
    expect((await decide(ofZebra, approval)).status).toBe(200);
  });

  it("is also a change of an admin, a shorter retention, and a large redrive", async () => {
    const admin = await insertUser(running.pool, { grants: [{ role: "admin" }] });
    const viewer = await insertUser(running.pool, { grants: [{ role: "viewer" }] });
    expect((await ask(asker, "POST", `/users/${admin}/reset`)).status).toBe(202);
    expect((await ask(asker, "POST", `/users/${viewer}/reset`)).status).toBe(201);
    expect((await ask(asker, "POST", `/users/${viewer}/grants`, { role: "admin" })).status).toBe(
      202,
    );
    expect((await ask(asker, "POST", `/users/${viewer}/grants`, { role: "operator" })).status).toBe(
      201,
    );

    const version = async () => {
      const { body } = await ask(asker, "GET", "/retention");
      return { "if-match": `"${(body.data as unknown as { version: string }).version}"` };
    };
    const keep = async (days: number) =>
      ask(asker, "PATCH", "/retention", { raw_days: days }, await version());
    expect((await keep(20)).status).toBe(200);
    expect((await keep(10)).status).toBe(202);

    const redrive = (body: object) =>
      ask(asker, "POST", "/dead-letters/redrive", { dry_run: false, filter: {}, ...body });
    expect((await redrive({ dry_run: true })).body.data).toHaveProperty("job_id");
    expect((await redrive({ limit: 10 })).body.data).toHaveProperty("job_id");
    const large = await redrive({});
    expect(large.body.data).toHaveProperty("approval_id");
    expect((await decide(second, large.body.data)).body.result?.data).toHaveProperty("job_id");
  });

  it("is done for the tenant of who has asked, whoever approves it", async () => {
    const operator = await person(running.pool, { role: "operator", tenant: "acme" });
    const redrive = (body: object) =>
      ask(operator, "POST", "/dead-letters/redrive", { dry_run: false, ...body });
    const asked = await redrive({ filter: {} });
    expect(asked.body.data).toMatchObject({ state: "waiting", tenant: "acme" });
    // It stays for that tenant when who has asked gets more.
    const later = await redrive({ filter: {} });
    expect((await decide(second, asked.body.data)).body.result?.data).toMatchObject({
      tenant: "acme",
    });
    await running.pool.query("INSERT INTO grants (user_id, role) VALUES ($1, 'operator')", [
      operator.userId,
    ]);
    expect((await decide(second, later.body.data)).body.result?.data).toMatchObject({
      tenant: "acme",
    });
  });

  it("is not asked for by keys, behind which there is no person", async () => {
    const { token } = await createReaderKey(running.pool, {
      tenant: null,
      may_change_nodes: false,
      may_redrive: true,
      rate_per_second: null,
      burst: null,
      note: null,
      expires_at: null,
    });
    const key = { headers: { authorization: `Bearer ${token}` } };
    const body = { dry_run: false, filter: {} };
    expect(codeOf(await ask(key, "POST", "/dead-letters/redrive", body))).toEqual([
      403,
      "NOT_ALLOWED",
    ]);
  });

  it("waits in bounded number", async () => {
    const many = await person(running.pool, { role: "admin" });
    const statuses: number[] = [];
    for (let count = 0; count < 21; count++) {
      statuses.push((await ask(many, "DELETE", `/keys/${await newKey()}`)).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 202), 409]);
  });
});
