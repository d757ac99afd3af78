import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export type Lock = { release: () => void };

/** Takes the lock, or returns its holder. A lock of a dead process is taken over. */
export function tryLock(file: string): Lock | { heldBy: ProcessIdentity } {
  mkdirSync(dirname(file), { recursive: true });
  const own = ownIdentity();
  const mine = `${file}.${own.pid}`;
  writeFileSync(mine, JSON.stringify(own));
  try {
    for (;;) {
      // link(2) is atomic: nobody can read an incomplete lock.
      if (tryLink(mine, file)) return { release: () => rmSync(file, { force: true }) };
      const holder = readHolder(file);
      if (holder && isAlive(holder)) return { heldBy: holder };
      removeStale(file, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Waits until the lock is free. `onWait` is called once, with the holder. */
export async function waitForLock(
  file: string,
  onWait: (holder: ProcessIdentity) => void,
): Promise<Lock> {
  for (let isFirst = true; ; isFirst = false) {
    const lock = tryLock(file);
    if (!("heldBy" in lock)) return lock;
    if (isFirst) onWait(lock.heldBy);
    await delay(250);
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** @returns undefined if there is no lock, or the file has another format */
export function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Renames the lock first, so that only one of two processes that find it stale removes it. */
function removeStale(file: string, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const holder = readHolder(aside);
  // Another process has replaced it in between: restore its lock.
  if (holder && isAlive(holder)) tryLink(aside, file);
  rmSync(aside, { force: true });
}
