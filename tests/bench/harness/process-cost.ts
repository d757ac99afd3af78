import { readdirSync, readFileSync } from "node:fs";
import { childrenOf } from "@fiberstream/local-stack/native/sandbox";

/** Linux reports CPU time in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Returns the CPU time of a process and its children, including ended ones, in seconds. */
export function cpuSecondsOf(pid: number): number {
  const own = ticksOf(pid);
  const living = childrenOf(pid).map((child) => ticksOf(child).own);
  return (own.own + own.ended + living.reduce((sum, ticks) => sum + ticks, 0)) / TICKS_PER_SECOND;
}

/** Returns the current memory of a process in MB. */
export const rssMb = (pid: number): number => megabytes(`/proc/${pid}/status`, /VmRSS:\s+(\d+)/);

/** Returns the peak memory of a process in MB. */
export const peakRssMb = (pid: number): number =>
  megabytes(`/proc/${pid}/status`, /VmHWM:\s+(\d+)/);

/** Returns the memory of a process and its children in MB; shared memory is counted once. */
export function sharedMemoryMb(pid: number): number {
  return [pid, ...childrenOf(pid)]
    .map((each) => megabytes(`/proc/${each}/smaps_rollup`, /^Pss:\s+(\d+)/m))
    .reduce((sum, each) => sum + each, 0);
}

/** Returns the number of open files and connections of a process. */
export function openFilesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function megabytes(file: string, pattern: RegExp): number {
  const [, kilobytes = "0"] = pattern.exec(read(file)) ?? [];
  return Number(kilobytes) / 1_024;
}

function ticksOf(pid: number): { own: number; ended: number } {
  const stat = read(`/proc/${pid}/stat`);
  // The name in parentheses may contain spaces; utime is the 14th field, see proc(5).
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
    // The process has ended.
    return "";
  }
}
