import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Lock, readHolder, tryLock, waitForLock } from "./lock.ts";
import { identityOf, isAlive, ownIdentity } from "./process-identity.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fiberstream-lock-"));
  file = join(folder, "state", "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("tryLock", () => {
  it("has one holder, which the others can identify, until it is released", () => {
    const lock = tryLock(file) as Lock;
    expect(tryLock(file)).toEqual({ heldBy: ownIdentity() });
    lock.release();
    expect(existsSync(file)).toBe(false);
    expect(tryLock(file)).toHaveProperty("release");
  });

  it("is taken over from a dead holder, without leaving other files behind", async () => {
    leaveLock(file, JSON.stringify(await identityOfEndedProcess()));
    expect(tryLock(file)).toHaveProperty("release");
    expect(readHolder(file)).toEqual(ownIdentity());
    expect(readdirSync(join(folder, "state"))).toEqual(["lock"]);
  });

  it("is taken over when another process has the PID of the dead holder", () => {
    leaveLock(file, JSON.stringify({ ...ownIdentity(), startedTicks: "1" }));
    expect(tryLock(file)).toHaveProperty("release");
  });

  it("is taken over when the file is empty", () => {
    leaveLock(file, "");
    expect(tryLock(file)).toHaveProperty("release");
  });
});

describe("waitForLock", () => {
  it("reports its holder once, and is acquired when it is free", async () => {
    const held = tryLock(file) as Lock;
    const told: number[] = [];
    const waits = waitForLock(file, ({ pid }) => {
      told.push(pid);
      held.release();
    });
    await expect(waits).resolves.toHaveProperty("release");
    expect(told).toEqual([process.pid]);
  });
});

describe("isAlive", () => {
  it("distinguishes a running process from one that has ended", async () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive(await identityOfEndedProcess())).toBe(false);
  });
});

function leaveLock(path: string, text: string): void {
  (tryLock(path) as Lock).release();
  writeFileSync(path, text);
}

async function identityOfEndedProcess() {
  const child = spawn("cat");
  const identity = identityOf(child.pid ?? 0);
  child.kill("SIGKILL");
  await once(child, "exit");
  if (!identity) throw new Error("the process ended before it was read");
  return identity;
}
