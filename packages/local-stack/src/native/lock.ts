import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export type Lock = { release: () => void };

/** Takes the lock, or says who holds it. A lock whose holder is dead is taken over. */
export function tryLock(file: string): Lock | { heldBy: ProcessIdentity } {
  mkdirSync(dirname(file), { recursive: true });
  const own = ownIdentity();
  const mine = `${file}.${own.pid}`;
  writeFileSync(mine, JSON.stringify(own));
  try {
    for (;;) {
      // link(2) makes the lock whole or not at all: nobody ever reads half a holder.
      if (tryLink(mine, file)) return { release: () => rmSync(file, { force: true }) };
      const holder = readHolder(file);
      if (holder && isAlive(holder)) return { heldBy: holder };
      removeStale(file, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Waits until the lock is free. `onWait` is told once who holds it. */
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

/** @returns undefined for a lock that is gone or that no version of this code wrote */
export function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Moves the lock aside first, so that of two processes that see it stale only one removes it. */
function removeStale(file: string, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const holder = readHolder(aside);
  // Someone healed it in between: put the live holder's lock back.
  if (holder && isAlive(holder)) tryLink(aside, file);
  rmSync(aside, { force: true });
}
