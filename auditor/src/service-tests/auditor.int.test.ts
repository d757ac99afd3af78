import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { parseNote, signNote } from "@fiberstream/audit/checkpoints/signed-note";
import { createSigningKeyPem, signingKeyOf } from "@fiberstream/audit/checkpoints/signing-keys";
import { query } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import {
  createTestTrail,
  isLeading,
  metricsOf,
  openTestTopics,
  type TestTopics,
  type TestTrail,
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

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

it("publishes each entry, and signs what it has published in Kafka and in its file", async () => {
  const before = await trail.append(3);
  const auditor = await trail.startAuditor();
  await untilSigned(trail, before);
  const after = await trail.append(600);
  await untilSigned(trail, after);

  await until(() => topics.published(trail.origin).length >= after, { what: "all entries" });
  expect(topics.published(trail.origin)).toEqual(range(1, after));
  const notes = readFileSync(trail.checkpointFile, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { checkpoint: string }).checkpoint);
  await until(() => topics.notes(trail.origin).length >= notes.length, { what: "the checkpoints" });
  expect(topics.notes(trail.origin)).toEqual(notes);
  expect(notes.at(-1)).toMatch(
    new RegExp(`^${trail.origin}\n${after}\n[^\n]{44}\ntime [^\n]+Z\n\n— ${trail.origin} \\S+\n$`),
  );
  expect(await metricsOf(auditor)).toContain(`fiberstream_auditor_signed_entries ${after}`);
  expect(await auditor.stop()).toBe(0);
});

it("signs on demand: at SIGHUP, at POST /checkpoint, and at its start", async () => {
  const size = await trail.append(1);
  const auditor = await trail.startAuditor({ AUDIT_CHECKPOINT_INTERVAL_MS: "600000" });
  const untilCheckpoints = (count: number) =>
    until(async () => (await trail.signedSizes()).length === count, {
      what: `${count} checkpoints`,
    });
  await untilCheckpoints(1);
  await auditor.kill("SIGHUP");
  await untilCheckpoints(2);
  const answer = await fetch(`${auditor.adminUrl}/checkpoint`, { method: "POST" });
  expect(await answer.json()).toEqual({ demanded: true });
  await untilCheckpoints(3);
  expect(await trail.signedSizes()).toEqual([size, size, size]);
});

it("lets one of two auditors work, and the other take over when that one dies", async () => {
  const first = await trail.startAuditor();
  await untilSigned(trail, await trail.append(1));
  const second = await trail.startAuditor();
  expect([await isLeading(first), await isLeading(second)]).toEqual([true, false]);
  const checkpointsBefore = (await trail.signedSizes()).length;
  const middle = await trail.append(2);
  await untilSigned(trail, middle);
  expect((await trail.signedSizes()).length).toBe(checkpointsBefore + 1);

  await first.kill("SIGKILL");
  const last = await trail.append(2);
  await untilSigned(trail, last);
  expect(await isLeading(second)).toBe(true);
  expect([...new Set(topics.published(trail.origin))]).toEqual(range(1, last));
});

it("publishes again what it had not marked when it was killed: no entry is missing", async () => {
  const auditor = await trail.startAuditor();
  await untilSigned(trail, await trail.append(2));
  const blocker = await trail.pool.connect();
  await blocker.query("BEGIN; SELECT FROM audit_published FOR UPDATE");
  const size = await trail.append(5);
  await until(() => topics.published(trail.origin).at(-1) === size, { what: "it has published" });
  await auditor.kill("SIGKILL");
  // The server would still mark it when the lock is released: it does not notice that its client has died.
  await blocker.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'fiberstream-auditor'",
  );
  await blocker.query("ROLLBACK");
  blocker.release();
  const [mark] = await query<{ seq: string }>(trail.pool, "SELECT seq FROM audit_published");
  expect(Number(mark?.seq)).toBe(size - 5);

  await trail.startAuditor();
  await untilSigned(trail, size);
  const published = topics.published(trail.origin);
  expect(published.length).toBeGreaterThan(size);
  expect([...new Set(published)]).toEqual(range(1, size));
});

it("goes on after a rotation of its key, if it gets the former public key", async () => {
  const first = await trail.startAuditor();
  const size = await trail.append(2);
  await untilSigned(trail, size);
  await first.stop();
  const formerKeysFile = `${trail.checkpointFile}.former`;
  const newKeyFile = `${trail.checkpointFile}.key`;
  writeFileSync(formerKeysFile, trail.publicKey());
  const environment = { AUDIT_SIGNING_KEY_FILE: newKeyFile };

  const second = await trail.startAuditor({
    ...environment,
    AUDIT_FORMER_KEYS_FILE: formerKeysFile,
  });
  const keyIds = () =>
    new Set(topics.notes(trail.origin).map((note) => parseNote(note)?.signatures[0]?.keyId));
  await until(() => keyIds().size === 2, { what: "a checkpoint by the new key" });
  await second.stop();
});

it("keeps the signature of a witness, and counts one that does not answer well", async () => {
  const witness = signingKeyOf(createSigningKeyPem(), "witness.example");
  const received: string[] = [];
  const server = createServer((request, response) => {
    let note = "";
    request.setEncoding("utf8").on("data", (text: string) => (note += text));
    request.on("end", () => {
      received.push(note);
      const text = parseNote(note)?.text ?? "";
      response
        .writeHead(request.url === "/good" ? 200 : 500)
        .end(signNote(text, witness).split("\n\n")[1]);
    });
  }).listen(0, "127.0.0.1");
  life.own(server, (owned) => owned.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const auditor = await trail.startAuditor({
    AUDIT_WITNESS_URLS: `http://127.0.0.1:${port}/good, http://127.0.0.1:${port}/bad`,
  });
  await until(
    () => topics.notes(trail.origin).some((note) => note.includes("— witness.example ")),
    {
      what: "the signature of the witness in the topic",
    },
  );
  const cosigned = topics.notes(trail.origin).find((note) => note.includes("witness.example"));
  expect(parseNote(cosigned ?? "")?.signatures.map(({ name }) => name)).toEqual([
    trail.origin,
    "witness.example",
  ]);
  await until(
    async () =>
      (await metricsOf(auditor)).includes(
        'fiberstream_auditor_witness_requests_total{outcome="failed"} 1',
      ),
    { what: "the other witness is counted as failed" },
  );
  expect(received.filter((note) => parseNote(note) === undefined)).toEqual([]);
});
