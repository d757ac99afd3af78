import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { createLogFixture, type LogFixture } from "@fiberstream/audit/testing/log-fixture";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
let log: LogFixture;
let folder: string;
beforeAll(async () => {
  log = await createLogFixture();
  folder = mkdtempSync(join(tmpdir(), "fiberstream-audit-"));
  await log.run("INSERT INTO nodes (node_id) VALUES ('accra-1')");
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await log.end();
});

type Result = { readonly code: number; readonly text: string };
async function run(program: string, args: readonly string[], env: object = {}): Promise<Result> {
  try {
    const options = { cwd: ROOT, env: { ...inheritedEnvironment(), FIBER_USER: "ama", ...env } };
    const { stdout, stderr } = await promisify(execFile)(program, [...args], options);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}
const fiber = (...args: string[]) =>
  run(process.execPath, ["packages/cli/src/main.ts", ...args], { DATABASE_URL: log.url });
const verifyFile = (path: string, ...kept: string[]) =>
  run("python3", ["docs/audit/verify.py", path, ...kept]);
const exported = async (name: string) => {
  const path = join(folder, name);
  expect(await fiber("audit", "export", "--output", path)).toMatchObject({ code: 0 });
  return path;
};

describe("fiber audit", () => {
  it("lists who has changed what, with the names of those who did", async () => {
    expect((await fiber("nodes", "rename", "accra-1", "Accra, é😀")).code).toBe(0);
    expect((await fiber("nodes", "rename", "nowhere", "x")).code).toBe(1);
    expect((await fiber("keys", "limit", "acme", "--rate", "5")).code).toBe(0);
    const { text } = await fiber("audit", "list", "--actor", "ama", "--json");
    const entries = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries).toMatchObject([
      { action: "tenant_limit.created", object: "acme", tenant: "acme", name: "ama" },
      {
        action: "node.changed",
        object: "nowhere",
        outcome: "failed",
        reason: "there is no node nowhere",
      },
      {
        action: "node.changed",
        object: "accra-1",
        outcome: "ok",
        before: { display_name: null },
        after: { display_name: "Accra, é😀" },
      },
    ]);
    const shown = await fiber("audit", "list", "--action", "tenant_limit.", "--from", "1h");
    expect(shown.text).toMatch(/operator ama +tenant_limit\.created +acme +acme +ok/);
  });

  it("verifies the log, and so does a program without our code", async () => {
    const { code, text } = await fiber("audit", "verify");
    expect({ code, text }).toEqual({
      code: 0,
      text: expect.stringMatching(
        /^\d+ entries are right, from 1 to \d+, whose hash is [0-9a-f]{64}\n$/,
      ),
    });
    const [, seq, hash] = /to (\d+), whose hash is (\w+)/.exec(text) ?? [];
    const path = await exported("right.ndjson");
    expect(await verifyFile(path, `${seq}:${hash}`)).toEqual({
      code: 0,
      text: `${seq} entries are right, up to ${seq}, whose hash is ${hash}\n`,
    });
    expect(await verifyFile(path, `2:${hash}`)).toMatchObject({
      code: 1,
      text: expect.stringContaining("entry 2 is wrong, by the guard kept hash"),
    });
    const later = `${Number(seq) + 1}:${hash}`;
    expect((await verifyFile(path, later)).text).toContain("the log ends before it");
    const tail = join(folder, "tail.ndjson");
    writeFileSync(tail, readFileSync(path, "utf8").split("\n").slice(2).join("\n"));
    expect(await verifyFile(tail)).toMatchObject({
      code: 1,
      text: expect.stringContaining("guard sequence: entry 1 is missing"),
    });
    expect(await verifyFile(tail, "--from", "3")).toMatchObject({
      code: 0,
      text: expect.stringContaining("from 3 (entry 2 before it is trusted)"),
    });
    const json = await fiber("audit", "verify", "--from", "5", "--json");
    expect(JSON.parse(json.text)).toMatchObject({ from: 5, findings: [], last: { hash } });
  });

  it("erases the name of a person, and the log holds", async () => {
    const [row] = await log.run<{ id: string }>(
      "SELECT actor_id AS id FROM actors WHERE name = 'ama'",
    );
    const forget = ["packages/cli/src/main.ts", "audit", "forget", "operator", row?.id ?? ""];
    const byAnother = { DATABASE_URL: log.url, FIBER_USER: "kofi" };
    expect(await run(process.execPath, forget, byAnother)).toMatchObject({ code: 0 });
    expect((await fiber("audit", "list", "--actor", "ama")).text).toContain("no entries");
    expect((await fiber("audit", "forget", "operator", "nobody")).code).toBe(1);
    expect((await fiber("audit", "verify")).code).toBe(0);
  });

  it("says which entry is wrong, and which guard saw it", async () => {
    await log.attack("UPDATE audit_log SET object = 'other' WHERE action = 'tenant_limit.created'");
    const [row] = await log.run<{ seq: number }>(
      "SELECT seq::float8 AS seq FROM audit_log WHERE object = 'other'",
    );
    const wrong = `entry ${row?.seq} is wrong, by the guard columns: `;
    const { code, text } = await fiber("audit", "verify");
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining(wrong) });
    expect(await verifyFile(await exported("columns.ndjson"))).toMatchObject({
      code: 1,
      text: expect.stringContaining(wrong),
    });
    await log.attack("DELETE FROM audit_log WHERE seq = 3");
    expect((await fiber("audit", "verify")).text).toContain(
      "entry 3 is wrong, by the guard sequence",
    );
    expect((await verifyFile(await exported("gap.ndjson"))).text).toContain("guard sequence");
  });

  it("has its own exit code when it cannot verify", async () => {
    const nowhere = { DATABASE_URL: "postgresql://postgres@127.0.0.1:1/none" };
    const { code, text } = await run(
      process.execPath,
      ["packages/cli/src/main.ts", "audit", "verify"],
      nowhere,
    );
    expect({ code, text }).toEqual({
      code: 2,
      text: expect.stringContaining("could not be verified"),
    });
    expect((await verifyFile("/nonexistent")).code).toBe(2);
  });
});
