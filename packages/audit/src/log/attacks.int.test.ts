import { appendEntry, inTransactionAs } from "@fiberstream/postgres/acting";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createLogFixture, type LogFixture, rehashed } from "../testing/log-fixture.ts";
import { type AuditRow, hashOf } from "./audit-row.ts";

// What the owner of the database can do to the log, and which guard sees it.
let log: LogFixture;
let last: number;
beforeEach(async () => {
  log = await createLogFixture();
  for (const name of ["accra", "kumasi", "tamale", "lagos", "abuja"]) {
    await inTransactionAs(log.pool, { kind: "user", id: "u-1", address: "::1" }, (client) =>
      appendEntry(client, {
        action: "node.changed",
        objectKind: "node",
        object: name,
        before: { display_name: null, lat: 5.6 },
        after: { display_name: name, lat: 5.55, tags: { "é😀": "ﬁ" } },
        tenant: "acme",
      }),
    );
  }
  last = (await log.rows()).length;
});
afterEach(() => log.end());

const firstFinding = async () => {
  const { entries, findings } = await log.verify();
  const [finding] = findings;
  return { entries, guard: finding?.guard, seq: finding?.seq };
};
const NOTHING = { guard: undefined, seq: undefined };

const rowAt = async (seq: number): Promise<AuditRow> => {
  const row = (await log.rows()).find((one) => one.seq === seq);
  if (row === undefined) throw new Error(`there is no entry ${seq}`);
  return row;
};
const SET = "entry = $2, prev_hash = $3, hash = $4 WHERE seq = $1";
const replace = ({ seq, object, at, entry, prev_hash, hash }: AuditRow) =>
  log.attack(`UPDATE audit_log SET object = $5, at = $6, ${SET}`, [
    seq,
    entry,
    prev_hash,
    hash,
    object,
    at,
  ]);

/** Builds everything from a number on again, so that the chain holds. */
async function rebuildFrom(seq: number, change: (row: AuditRow) => AuditRow): Promise<void> {
  let before = (await rowAt(seq)).prev_hash;
  for (const row of (await log.rows()).filter((one) => one.seq >= seq)) {
    const built = rehashed({ ...change(row), prev_hash: before });
    await replace(built);
    before = built.hash;
  }
}

describe("the chain of the audit log", () => {
  it("is right as it was written", async () => {
    expect(await firstFinding()).toEqual({ entries: last, ...NOTHING });
  });

  it("shows an edited column", async () => {
    await log.attack("UPDATE audit_log SET actor = 'u-2', outcome = 'denied' WHERE seq = $1", [
      last - 2,
    ]);
    const { findings } = await log.verify();
    expect(findings).toEqual([
      {
        guard: "columns",
        seq: last - 2,
        message: `the columns of entry ${last - 2} do not say what its bytes say: actor, outcome`,
      },
    ]);
  });

  it("shows edited bytes, and an entry that is hashed again, by the entry behind it", async () => {
    const row = await rowAt(last - 2);
    const edited = rehashed({ ...row, object: "other" });
    await replace({ ...edited, hash: row.hash });
    expect(await firstFinding()).toEqual({ entries: last - 3, guard: "bytes", seq: last - 2 });
    await replace(edited);
    expect(await firstFinding()).toEqual({ entries: last - 2, guard: "chain", seq: last - 1 });
  });

  it("shows bytes that are hashed rightly, but are not in the canonical form, or no JSON", async () => {
    const row = await rowAt(last);
    for (const text of [` ${row.entry.toString()}`, "no JSON", String.raw`{"a":"\ud800"}`]) {
      const entry = Buffer.from(text);
      await replace({ ...row, entry, hash: hashOf({ ...row, entry }) });
      expect(await firstFinding()).toEqual({ entries: last - 1, guard: "bytes", seq: last });
    }
  });

  it("shows an entry that was deleted in the middle, and an empty log", async () => {
    await log.attack("DELETE FROM audit_log WHERE seq = $1", [last - 2]);
    expect(await firstFinding()).toEqual({ entries: last - 3, guard: "sequence", seq: last - 2 });
    await log.attack("DELETE FROM audit_log WHERE seq = 1");
    expect(await firstFinding()).toEqual({ entries: 0, guard: "sequence", seq: 1 });
  });

  it("shows two entries that were swapped", async () => {
    await log.attack(
      "UPDATE audit_log SET seq = CASE WHEN seq = $1 THEN -$2::bigint ELSE -$1::bigint END WHERE seq IN ($1, $2)",
      [last - 2, last - 1],
    );
    await log.attack("UPDATE audit_log SET seq = -seq WHERE seq < 0");
    expect(await firstFinding()).toEqual({ entries: last - 3, guard: "chain", seq: last - 2 });
  });

  it("shows an entry that was inserted", async () => {
    await log.attack("UPDATE audit_log SET seq = -seq - 1 WHERE seq > $1", [last - 2]);
    await log.attack("UPDATE audit_log SET seq = -seq WHERE seq < 0");
    const copied = rehashed({ ...(await rowAt(last - 2)), seq: last - 1, object: "made up" });
    await log.attack(
      `INSERT INTO audit_log SELECT (jsonb_populate_record(audit_log, jsonb_build_object('seq', $1::bigint, 'object', 'made up'))).*
       FROM audit_log WHERE seq = $2`,
      [last - 1, last - 2],
    );
    await replace({ ...copied, prev_hash: (await rowAt(last - 2)).hash });
    expect(await firstFinding()).toMatchObject({ entries: last - 2, seq: last - 1 });
    // Also when the new entry itself is right: the one behind it has another hash before it, and its own number in its bytes.
    const right = rehashed({ ...copied, prev_hash: (await rowAt(last - 2)).hash });
    await replace(right);
    expect(await firstFinding()).toEqual({ entries: last - 1, guard: "chain", seq: last });
  });

  it("shows a time before that of the entry before it", async () => {
    const { at } = await rowAt(last - 2);
    const hourBefore = `${new Date(Date.parse(at) - 3_600_000).toISOString().slice(0, -1)}000Z`;
    // As if the server's clock had been turned back for one change.
    await rebuildFrom(last - 1, (row) => (row.seq === last - 1 ? { ...row, at: hourBefore } : row));
    expect(await firstFinding()).toEqual({ entries: last, guard: "clock", seq: last - 1 });
  });

  it("alone does not show a tail that was cut, nor a chain that was built again: checkpoints do", async () => {
    await log.attack("DELETE FROM audit_log WHERE seq > $1", [last - 2]);
    expect(await firstFinding()).toEqual({ entries: last - 2, ...NOTHING });
    await rebuildFrom(2, (row) => ({ ...row, object: `${row.object}, rewritten` }));
    expect(await firstFinding()).toEqual({ entries: last - 2, ...NOTHING });
  });
});
