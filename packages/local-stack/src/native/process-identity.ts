import { readFileSync } from "node:fs";

/**
 * Tells one process from a later one with the same number: the kernel's start time, in clock ticks
 * since boot, and the boot's own id.
 */
export type ProcessIdentity = {
  readonly pid: number;
  readonly startedTicks: string;
  readonly bootId: string;
};

/** @returns undefined when there is no such process, or only its zombie is left */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    const startedTicks = fields[19];
    if (startedTicks === undefined || state === "Z" || state === "X") return undefined;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { pid, startedTicks, bootId };
  } catch (error) {
    // No such process, or it ended while it was being read.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now?.startedTicks === identity.startedTicks && now.bootId === identity.bootId;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  const own = identityOf(process.pid);
  if (!own) throw new Error("/proc does not show this process: is it mounted?");
  return own;
}
