import { readFileSync } from "node:fs";
import { childrenOf } from "@fiberstream/deploy/native/sandbox";

/** Linux counts CPU time in hundredths of a second for every program that it has told so (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** CPU time of a process and of its children, those that have ended included, in seconds. */
export function cpuSecondsOf(pid: number): number {
  const own = ticksOf(pid);
  const living = childrenOf(pid).map((child) => ticksOf(child).own);
  return (own.own + own.ended + living.reduce((sum, ticks) => sum + ticks, 0)) / TICKS_PER_SECOND;
}

/** The most memory that a process has had, in MB. */
export function peakRssMb(pid: number): number {
  const [, kilobytes = "0"] = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) / 1_024;
}

function ticksOf(pid: number): { own: number; ended: number } {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may have blanks in it; utime is the 14th field, proc(5).
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return { own: utime + stime, ended: cutime + cstime };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
