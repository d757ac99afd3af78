import { readFileSync } from "node:fs";

/**
 * Distinguishes a process from a later one with the same PID: by its start time, in clock ticks since boot, and by
 * the boot id.
 */
export type ProcessIdentity = {
  readonly pid: number;
  readonly startedTicks: string;
  readonly bootId: string;
};

/** @returns undefined if the process does not exist, or is a zombie */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    const startedTicks = fields[19];
    if (startedTicks === undefined || state === "Z" || state === "X") return undefined;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { pid, startedTicks, bootId };
  } catch (error) {
    // The process does not exist, or ended during the read.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Returns whether exactly this process is still running. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now?.startedTicks === identity.startedTicks && now.bootId === identity.bootId;
}

/** Returns the identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const own = identityOf(process.pid);
  if (!own) throw new Error("/proc does not contain this process. Is /proc mounted?");
  return own;
}
