import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, statSync, truncateSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childEnvironment } from "@fiberstream/local-stack/config";
import type { LocalConfig } from "../config.ts";
import { linesFrom } from "./logs.ts";
import { readRun, stateFiles } from "../supervision/state-files.ts";

/**
 * Starts a supervisor in the background and prints its output until the platform is ready.
 *
 * @returns the process's exit code
 */
export async function startDetached(
  config: LocalConfig,
  options: { trace: boolean; sso: boolean },
): Promise<number> {
  const files = stateFiles(config.stateDir);
  mkdirSync(files.logs, { recursive: true });
  const logFile = files.log("supervisor");
  const log = openSync(logFile, "a");
  if (!readRun(config.stateDir)) truncateSync(logFile);
  let offset = statSync(logFile).size;
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      fileURLToPath(new URL("../main.ts", import.meta.url)),
      "start",
      ...(options.trace ? ["--trace"] : []),
      ...(options.sso ? ["--sso"] : []),
    ],
    { detached: true, stdio: ["ignore", log, log], env: childEnvironment({ NO_COLOR: "1" }) },
  );
  closeSync(log);
  const show = () => {
    const next = linesFrom(logFile, offset);
    offset = next.offset;
    for (const line of next.lines) process.stdout.write(`${line}\n`);
  };
  for (;;) {
    show();
    if (child.exitCode !== null || child.signalCode !== null) {
      show();
      return child.exitCode ?? 1;
    }
    const run = readRun(config.stateDir);
    if (run?.state === "ready" && run.supervisor.pid === child.pid) break;
    await delay(50);
  }
  show();
  process.stdout.write(
    "FiberStream runs in the background. Commands: npm run status, npm run logs, npm stop\n",
  );
  child.unref();
  return 0;
}
