import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, type ProcessIdentity } from "@fiberstream/local-stack/native/process-identity";
import type { ProcessStatus } from "./supervised-process.ts";

/** Returns the paths of the files that the local start keeps. */
export const stateFiles = (stateDir: string) => ({
  data: join(stateDir, "data"),
  logs: join(stateDir, "logs"),
  lock: join(stateDir, "lock"),
  run: join(stateDir, "run.json"),
  log: (name: string) => join(stateDir, "logs", `${name}.log`),
});

/** The running processes, written to a file for the other commands. */
export type Run = {
  readonly supervisor: ProcessIdentity;
  readonly state: "starting" | "ready" | "stopping";
  readonly startedAt: string;
  readonly url: string;
  readonly processes: readonly ProcessStatus[];
};

/** Replaces the file by a rename, so that a reader never sees half of it. */
export function writeRun(stateDir: string, run: Run): void {
  const file = stateFiles(stateDir).run;
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(run, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export const removeRun = (stateDir: string) => rmSync(stateFiles(stateDir).run, { force: true });

/** @returns undefined when nothing runs, also when a killed run left its file behind */
export function readRun(stateDir: string): Run | undefined {
  const file = stateFiles(stateDir).run;
  if (!existsSync(file)) return undefined;
  const run = JSON.parse(readFileSync(file, "utf8")) as Run;
  return isAlive(run.supervisor) ? run : undefined;
}
