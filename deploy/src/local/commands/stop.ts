import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "@fiberstream/local-stack/native/process-identity";
import { readHolder } from "@fiberstream/local-stack/native/lock";
import type { LocalConfig } from "../config.ts";
import { say } from "../output.ts";
import { readRun, removeRun, stateFiles } from "../supervision/state-files.ts";

/** Three services with 30 s each and four backing services with 20 s each is the worst case. */
const GONE_WITHIN_MS = 180_000;

/**
 * Stops what runs and waits until it is gone: processes, ports and mounts end with the supervisor.
 *
 * @returns the process's exit code
 */
export async function stop(config: LocalConfig): Promise<number> {
  const holder = readHolder(stateFiles(config.stateDir).lock);
  if (!holder || !isAlive(holder)) {
    removeRun(config.stateDir);
    say("FiberStream is not running");
    return 0;
  }
  const run = readRun(config.stateDir);
  if (run?.state !== "stopping") process.kill(holder.pid, "SIGTERM");
  say("stopping");
  const giveUpAtMs = performance.now() + GONE_WITHIN_MS;
  while (isAlive(holder)) {
    if (performance.now() > giveUpAtMs) {
      say(`PID ${holder.pid} does not end: kill -9 ${holder.pid} ends it and all that it started`);
      return 1;
    }
    await delay(50);
  }
  say("FiberStream is stopped");
  return 0;
}
