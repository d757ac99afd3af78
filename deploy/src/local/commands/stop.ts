import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "@fiberstream/local-stack/native/process-identity";
import { readHolder } from "@fiberstream/local-stack/native/lock";
import type { LocalConfig } from "../config.ts";
import { say } from "../output.ts";
import { readRun, removeRun, stateFiles } from "../supervision/state-files.ts";

/** The worst case is five services with 30 s each and four backing services with 20 s each. */
const STOP_TIMEOUT_MS = 240_000;

/**
 * Stops the running platform and waits until the supervisor has ended. Its processes, ports and mounts end with it.
 *
 * @returns the process's exit code
 */
export async function stop(config: LocalConfig): Promise<number> {
  const holder = readHolder(stateFiles(config.stateDir).lock);
  if (!holder || !isAlive(holder)) {
    removeRun(config.stateDir);
    say("FiberStream is not running.");
    return 0;
  }
  const run = readRun(config.stateDir);
  if (run?.state !== "stopping") process.kill(holder.pid, "SIGTERM");
  say("stopping");
  const giveUpAtMs = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(holder)) {
    if (performance.now() > giveUpAtMs) {
      say(
        `PID ${holder.pid} does not end. To end it and all its processes, run: kill -9 ${holder.pid}`,
      );
      return 1;
    }
    await delay(50);
  }
  say("FiberStream is stopped.");
  return 0;
}
