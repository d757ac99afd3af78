import { createLogFixture, type LogFixture } from "@fiberstream/audit/testing/log-fixture";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createRecordAttempt, type RecordAttempt } from "./attempts.ts";

let log: LogFixture;
beforeAll(async () => {
  log = await createLogFixture();
});
afterAll(() => log.end());

const DENIED = { action: "request.denied", objectKind: "route", outcome: "denied" } as const;

/** Returns the entries of tries, which are complete when the console has stopped. */
async function entriesOf(attempt: (record: RecordAttempt) => void) {
  const [before] = await log.run<{ seq: string }>("SELECT max(seq) AS seq FROM audit_log");
  const life = createLife();
  attempt(
    createRecordAttempt({
      pool: log.pool,
      countFailure: () => undefined,
      life,
      log: createLog({ service: "test", level: "silent", format: "json" }),
    }),
  );
  await life.stop();
  return log.run<{ kind: string; action: string; repeats: string | null; reason: string | null }>(
    `SELECT actor_kind AS kind, action, after ->> 'repeats' AS repeats, reason
     FROM audit_log WHERE seq > $1 ORDER BY seq`,
    [before?.seq],
  );
}

describe("createRecordAttempt", () => {
  it("makes the first of an actor's tries an entry, and the others one with their count", async () => {
    const entries = await entriesOf((record) => {
      for (let time = 0; time < 4; time++) {
        record({ kind: "user", id: "u-1" }, { ...DENIED, object: "createKey" });
      }
    });
    expect(entries.map(({ repeats }) => repeats)).toEqual([null, "3"]);
  });

  it("takes a network of IPv6 for one sender", async () => {
    const entries = await entriesOf((record) => {
      for (let host = 1; host <= 300; host++) {
        const address = `2001:db8::${host.toString(16)}`;
        record({ kind: "anonymous", id: "anyone", address }, { ...DENIED, object: "unknown" });
      }
    });
    expect(entries.map(({ repeats }) => repeats)).toEqual([null, "299"]);
  });

  it("counts many senders together, and still logs what somebody inside tries", async () => {
    const entries = await entriesOf((record) => {
      for (let net = 1; net <= 300; net++) {
        const address = `2001:db8:${net.toString(16)}::1`;
        record({ kind: "anonymous", id: "anyone", address }, { ...DENIED, object: "unknown" });
      }
      record({ kind: "user", id: "u-1" }, { ...DENIED, object: "createKey" });
    });
    expect(entries.filter(({ kind }) => kind === "user")).toMatchObject([{ repeats: null }]);
    expect(entries.filter(({ kind }) => kind === "anonymous")).toHaveLength(5);
    expect(entries.filter(({ kind }) => kind === "service")).toEqual([
      {
        kind: "service",
        action: "console.tries_not_logged_one_by_one",
        repeats: "295",
        reason: "more than 5 kinds of anonymous denied or failed tries within 60 s",
      },
    ]);
  });
});
