import { readFileSync } from "node:fs";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { LocalConfig } from "../config.ts";
import type { ProcessStatus } from "../supervision/supervised-process.ts";
import { answers, hostsOf } from "@fiberstream/local-stack/hosts";
import { readReadiness } from "@fiberstream/terminal/readiness";
import { readRun } from "../supervision/state-files.ts";
import { renderTable } from "@fiberstream/terminal/table";

const HEADINGS = ["NAME", "STATE", "ADDRESS", "PID", "UP FOR", "MEMORY", "RESTARTS"];

/** Prints a table of all processes and their states. */
export async function status(config: LocalConfig): Promise<void> {
  const run = readRun(config.stateDir);
  if (!run) {
    process.stdout.write("FiberStream is not running. Start it with npm start\n");
    return;
  }
  const checked = await Promise.all(
    run.processes.map(async (supervised) => ({ supervised, health: await healthOf(supervised) })),
  );
  const rows = checked.map(({ supervised, health }) => rowOf(supervised, health));
  const reasons = checked.flatMap(({ supervised, health }) =>
    health.reason === undefined ? [] : [`\n${supervised.name} is not ready: ${health.reason}`],
  );
  process.stdout.write(
    `FiberStream is ${run.state}, PID ${run.supervisor.pid}\n\n` +
      `${renderTable([HEADINGS, ...rows])}\n${reasons.join("")}${reasons.length > 0 ? "\n" : ""}`,
  );
}

type Health = { readonly state: string; readonly reason?: string };

function rowOf(supervised: ProcessStatus, health: Health): string[] {
  const { name, kind, address, pid, since, restarts } = supervised;
  const isUp = supervised.state === "up";
  return [
    kind === "service" ? name : `${name} (${kind})`,
    health.state,
    withoutPassword(address),
    pid === undefined || !isUp ? "-" : String(pid),
    since === undefined || !isUp ? "-" : duration(wallNowMs() - Date.parse(since)),
    pid === undefined || !isUp ? "-" : megabytes(memoryBytes(pid)),
    String(restarts),
  ];
}

async function healthOf({ state, adminUrl, address }: ProcessStatus): Promise<Health> {
  if (state !== "up") return { state };
  if (adminUrl !== undefined) return readReadiness(adminUrl);
  const checks = hostsOf(address).map(({ host, port }) => answers(host, port));
  return { state: (await Promise.all(checks)).some(Boolean) ? "up" : "does not answer" };
}

function withoutPassword(address: string): string {
  if (!address.includes("://")) return address;
  const url = new URL(address);
  url.password = "";
  url.username = "";
  return url.href.replace(/\/$/, "");
}

/** Returns the resident memory as the kernel counts it, without that of child processes. */
function memoryBytes(pid: number): number {
  try {
    const [, kilobytes] =
      /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kilobytes ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** Returns a duration such as "42 s", "17 min" or "5 h 3 min". */
export function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return `${Math.floor(ms / 1_000)} s`;
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
