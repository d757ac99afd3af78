import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "@jest/globals";
import {
  createTestTrail,
  openTestTopics,
  REBUILD_CHAIN,
  type TestTopics,
  type TestTrail,
  untilSigned,
} from "./auditor-fixture.ts";

let file: Life;
let life: Life;
let topics: TestTopics;
let trail: TestTrail;
let size: number;
let keyFile: string;
beforeAll(async () => {
  file = createLife();
  topics = await openTestTopics(file);
});
afterAll(() => file.stop());
/** A trail that an auditor has published and signed; the auditor runs no more. */
beforeEach(async () => {
  life = createLife();
  trail = await createTestTrail(life, topics);
  const auditor = await trail.startAuditor();
  await untilSigned(trail, await trail.append(5));
  size = await trail.append(5);
  await untilSigned(trail, size);
  await until(() => topics.published(trail.origin).length === size, { what: "the copy" });
  await auditor.stop();
  keyFile = `${trail.checkpointFile}.keys`;
  writeFileSync(keyFile, trail.publicKey());
});
afterEach(() => life.stop());

type Result = { readonly code: number; readonly text: string };
async function verify(...args: string[]): Promise<Result> {
  const env = {
    ...inheritedEnvironment(),
    ...addressSettings(addresses),
    DATABASE_URL: trail.databaseUrl,
    NAMESPACE: topics.namespace,
  };
  const command = [inClone("packages/cli/src/main.ts"), "audit", "verify", ...args];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { env });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}
const withKafka = () => verify("--checkpoints", "kafka", "--against", "kafka", "--key", keyFile);
const withFile = () => verify("--checkpoints", `file:${trail.checkpointFile}`, "--key", keyFile);

describe("fiber audit verify", () => {
  it("compares the log with the checkpoints and the copy", async () => {
    const later = await trail.append(2);
    expect(await withKafka()).toEqual({
      code: 0,
      text: expect.stringMatching(
        new RegExp(
          `^${later} entries are right.*\n` +
            `compared with [2-9] checkpoints, which have signed ${size} entries\n` +
            `compared with the copy in Kafka: ${size} entries, 0 repeats, 2 not published yet\n$`,
        ),
      ),
    });
    expect(await withFile()).toMatchObject({ code: 0 });
    expect(await verify("--checkpoints", "kafka")).toEqual({
      code: 2,
      text: expect.stringContaining("need --key"),
    });
  });

  it("finds a cut tail, which is right by itself", async () => {
    await trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 2}`);
    expect(await verify()).toMatchObject({ code: 0 });
    const { code, text } = await withKafka();
    expect(code).toBe(1);
    expect(text).toContain(`entry ${size - 1} is wrong, by the guard checkpoint: `);
    expect(text).toContain(`by the guard copy: Kafka has ${size} entries, but the database has`);
    expect(await withFile()).toMatchObject({ code: 1 });
  });

  it("finds a chain that was rebuilt, which is right by itself but for its columns", async () => {
    await trail.asOwner(`${REBUILD_CHAIN};
      UPDATE audit_log SET object = replace(object, 'number 2', 'number 3')`);
    expect(await verify()).toMatchObject({ code: 0 });
    const { code, text } = await withKafka();
    expect(code).toBe(1);
    expect(text).toMatch(/by the guard checkpoint: .* has signed other entries/);
    expect(text).toMatch(/by the guard copy: entry \d+ of the database is not the one/);
    expect(await withFile()).toMatchObject({
      code: 1,
      text: expect.stringContaining("guard checkpoint"),
    });
  });

  it("finds a database from a backup that has grown since", async () => {
    await trail.asOwner(`DELETE FROM audit_log WHERE seq > ${size - 3}`);
    await trail.append(6);
    expect(await verify()).toMatchObject({ code: 0 });
    expect((await withKafka()).text).toContain(`entry ${size - 2} is wrong, by the guard copy`);
    expect(await withFile()).toMatchObject({ code: 1 });
  });
});
