import { query } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import type { RunningService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  createTestTrail,
  isLeading,
  metricsOf,
  openTestTopics,
  REBUILD_CHAIN,
  type TestTopics,
  type TestTrail,
  untilBroken,
  untilSigned,
} from "./auditor-fixture.ts";

let file: Life;
let life: Life;
let topics: TestTopics;
let trail: TestTrail;
beforeAll(async () => {
  file = createLife();
  topics = await openTestTopics(file);
});
afterAll(() => file.stop());
beforeEach(async () => {
  life = createLife();
  trail = await createTestTrail(life, topics);
});
afterEach(() => life.stop());

/** Returns an auditor that has signed a trail of ten entries or more. */
async function signedTrail(
  environment: Readonly<Record<string, string>> = {},
): Promise<{ auditor: RunningService; size: number }> {
  const size = await trail.append(10);
  const auditor = await trail.startAuditor(environment);
  await untilSigned(trail, size);
  return { auditor, size };
}

/** It neither publishes nor signs after it has found the trail broken. */
async function expectSilence(auditor: RunningService, guard: string): Promise<void> {
  const published = topics.published(trail.origin).length;
  const signed = (await trail.signedSizes()).length;
  await trail.append(1);
  const demand = await fetch(`${auditor.adminUrl}/checkpoint`, { method: "POST" });
  expect(demand.status).toBe(200);
  const metrics = await metricsOf(auditor);
  expect(metrics).toContain(`fiberstream_auditor_trail_broken{guard="${guard}"} 1`);
  expect(await isLeading(auditor)).toBe(false);
  expect(auditor.logs()).toContain("fiber audit verify");
  expect(topics.published(trail.origin)).toHaveLength(published);
  expect(await trail.signedSizes()).toHaveLength(signed);
}

describe("an auditor that runs finds", () => {
  it("a tail that was cut, by the head that it read before", async () => {
    const { auditor, size } = await signedTrail();
    await trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 2}`);
    expect(await untilBroken(auditor)).toContain(
      `guard head): the database had ${size} entries, and now has ${size - 2}`,
    );
    await expectSilence(auditor, "head");
  });

  it("a chain that was rebuilt, by the head that it read before", async () => {
    const { auditor, size } = await signedTrail();
    await trail.asOwner(REBUILD_CHAIN);
    expect(await untilBroken(auditor)).toContain(
      `guard head): entry ${size} of the database is not the one that was read before`,
    );
    await expectSilence(auditor, "head");
  });

  it("a chain that was rebuilt and has grown, by the hash of the entry before", async () => {
    const { auditor, size } = await signedTrail();
    await trail.asOwner(`${REBUILD_CHAIN}; SELECT audit_append('test.done', 'test', 'more')`);
    expect(await untilBroken(auditor)).toMatch(
      new RegExp(`guard (chain|head)\\): entry ${size}|${size + 1}`),
    );
  });

  it("an entry that was changed in the middle, when it reads the trail again", async () => {
    const { auditor } = await signedTrail({ AUDIT_REREAD_INTERVAL_MS: "1500" });
    await trail.asOwner("UPDATE audit_log SET entry = entry || ' ' WHERE seq = 5");
    expect(await untilBroken(auditor)).toContain(
      "guard bytes): the hash of entry 5 is not that of its bytes",
    );
  });

  it("a clock that was turned back, by the time of the checkpoint", async () => {
    const { auditor, size } = await signedTrail();
    await trail.asOwner(`
      INSERT INTO audit_log
      SELECT seq + 1, at - interval '1 hour', tenant, actor_kind, actor, database_role, session, address, request_id,
             action, object_kind, object, outcome, reason, before, after, entry, hash,
             sha256('\\x00'::bytea || hash || entry)
      FROM audit_log WHERE seq = ${size}`);
    await until(
      async () =>
        (await metricsOf(auditor)).includes("fiberstream_auditor_clock_contradictions_total 1"),
      { what: "the contradiction is counted" },
    );
    expect(auditor.logs()).toContain("entry is older than a checkpoint without it");
    // That is no reason to stop: the trail is whole.
    await untilSigned(trail, size + 1);
  });
});

describe("an auditor that was stopped meanwhile finds", () => {
  /** Changes the database while no auditor runs, and starts one. */
  async function startAfter(change: (size: number) => Promise<void>): Promise<RunningService> {
    const { auditor, size } = await signedTrail();
    await auditor.stop();
    await change(size);
    return trail.startAuditor({}, { awaitReady: false });
  }

  it("a tail that was cut, by the checkpoints", async () => {
    const auditor = await startAfter((size) =>
      trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 2};
                     UPDATE audit_published SET seq = ${size - 2}`),
    );
    expect(await untilBroken(auditor)).toMatch(
      /guard checkpoint\): the checkpoint at .* has signed \d+ entries, but the database has \d+/,
    );
    await expectSilence(auditor, "checkpoint");
  });

  it("a chain that was rebuilt, by the copy in Kafka", async () => {
    const auditor = await startAfter(() => trail.asOwner(REBUILD_CHAIN));
    expect(await untilBroken(auditor)).toMatch(
      /guard copy\): entry \d+ of the database is not the one that was published to Kafka/,
    );
  });

  it("a database from a backup that has grown since, by the copy in Kafka", async () => {
    const auditor = await startAfter(async (size) => {
      await trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 3};
                           UPDATE audit_published SET seq = ${size - 3}`);
      await trail.append(5);
    });
    expect(await untilBroken(auditor)).toContain("guard copy)");
    await expectSilence(auditor, "copy");
  });

  it("a rebuilt chain by its file alone, when the topics are new", async () => {
    const { auditor } = await signedTrail();
    await auditor.stop();
    await trail.asOwner(REBUILD_CHAIN);
    const others = await openTestTopics(life);
    const second = await trail.startAuditor({ NAMESPACE: others.namespace }, { awaitReady: false });
    expect(await untilBroken(second)).toContain("guard checkpoint)");
    expect(others.published(trail.origin)).toEqual([]);
  });

  it("a checkpoint that somebody else signed", async () => {
    const { auditor } = await signedTrail();
    await auditor.stop();
    const otherKey = `${trail.checkpointFile}.other`;
    const second = await trail.startAuditor(
      { AUDIT_SIGNING_KEY_FILE: otherKey },
      { awaitReady: false },
    );
    expect(await untilBroken(second)).toMatch(/guard signature\).*none of the known keys/);
  });
});

it("publishes all again into a topic that was created again", async () => {
  const { auditor, size } = await signedTrail();
  await auditor.stop();
  const others = await openTestTopics(life);
  await trail.startAuditor({ NAMESPACE: others.namespace });
  await until(() => others.published(trail.origin).length === size, { what: "the whole copy" });
});

it("begins a new trail with a new origin, after an operator has accepted what was found", async () => {
  const { auditor, size } = await signedTrail();
  await auditor.stop();
  await trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 2}`);
  const origin = `${trail.origin}/2`;
  await trail.startAuditor({ AUDIT_ORIGIN: origin });
  await until(() => topics.notes(origin).length > 0, { what: "a checkpoint of the new origin" });
  expect(topics.notes(origin)[0]).toContain(`\n${size - 2}\n`);
});

it("does not sign while its file cannot be written", async () => {
  const size = await trail.append(2);
  const auditor = await trail.startAuditor(
    { AUDIT_CHECKPOINT_FILE: `${trail.checkpointFile}/not-there/file` },
    { awaitReady: false },
  );
  await until(() => auditor.logs().includes("cannot be appended"), { what: "the log says so" });
  expect(topics.notes(trail.origin)).toEqual([]);
  const [mark] = await query<{ seq: string }>(trail.pool, "SELECT seq FROM audit_published");
  expect(Number(mark?.seq)).toBe(size);
});
