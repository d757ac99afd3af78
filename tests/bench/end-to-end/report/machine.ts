import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { CHECKOUT } from "../../harness/service.ts";

/** The machine and the commit of a measurement. */
export type Setting = {
  readonly takenAt: string;
  readonly commit: string;
  readonly cpus: string;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Load average of the last minute before the run. */
  readonly loadAverage: number;
};

export function describeSetting(): Setting {
  const all = cpus();
  return {
    takenAt: new Date().toISOString(),
    commit: commitHere(),
    cpus: `${all.length} x ${all[0]?.model.trim() ?? "unknown"}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    loadAverage: loadavg()[0] ?? NaN,
  };
}

/** Returns the short hash, with a plus if there are uncommitted changes; "unknown" outside of a repository. */
function commitHere(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: CHECKOUT, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    const isChanged = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${isChanged ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}
