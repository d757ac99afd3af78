import type { ChildProcess } from "node:child_process";
import { appendFileSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { SERVICE_ENVIRONMENT, serviceCommand } from "@fiberstream/runtime/service-process";
import type { ServiceName } from "@fiberstream/runtime/services";
import type { Started } from "./backing-services.ts";
import { childEnvironment } from "./config.ts";
import { inClone } from "./in-clone.ts";
import { NativeError } from "./native/native-error.ts";
import { lastLines } from "./native/sandbox.ts";
import { spawnTied } from "./spawn-tied.ts";
import { readReadiness } from "@fiberstream/terminal/readiness";
import { readableLine } from "@fiberstream/terminal/readable-line";

/** Longer than the shutdown timeout of a service (25 s). */
const STOP_TIMEOUT_MS = 30_000;
const READY_TIMEOUT_MS = 60_000;

/**
 * Starts a service with this version of Node and waits until it is ready.
 *
 * @param options.settings settings on top of this process's environment
 * @param options.onLine gets each line that the service logs
 * @throws {NativeError} when it ended or was not ready in time, with its last lines
 */
export async function startService(options: {
  name: ServiceName;
  adminUrl: string;
  settings: Readonly<Record<string, string>>;
  logFile: string;
  onLine: (line: string) => void;
}): Promise<Started> {
  const { name, adminUrl, settings, logFile, onLine } = options;
  const script = inClone(`${name}/src/main.ts`);
  const child = spawnTied(serviceCommand(name, script), {
    env: { ...SERVICE_ENVIRONMENT, ...childEnvironment(settings) },
    stdio: ["ignore", "pipe", "pipe"],
    // In a session of its own, so that Ctrl-C reaches only its starter, which stops it in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      appendFileSync(logFile, `${line}\n`);
      onLine(line);
    });
  }
  const ended = once(child, "close").then(() => child.signalCode ?? `code ${child.exitCode}`);
  const stop = async () => {
    child.kill("SIGTERM");
    const giveUp = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended.finally(() => clearTimeout(giveUp));
  };
  try {
    await untilReady({ name, adminUrl, logFile, child });
  } catch (error) {
    await stop();
    throw error;
  }
  return { ended, stop, ...(child.pid !== undefined && { pid: child.pid }) };
}

async function untilReady(waiting: {
  name: string;
  adminUrl: string;
  logFile: string;
  child: ChildProcess;
}): Promise<void> {
  const { name, adminUrl, logFile, child } = waiting;
  const giveUpAtMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const { state, reason } = await readReadiness(adminUrl);
    if (state === "ready") return;
    if (child.exitCode !== null || child.signalCode !== null) {
      const how = child.signalCode ?? `code ${child.exitCode}`;
      throw new NativeError(
        `${name} exited during its start (${how}). ${lastLines(logFile, readableLine)}`,
      );
    }
    if (performance.now() > giveUpAtMs) {
      throw new NativeError(
        `${name} is ${state} (${reason ?? "reason unknown"}). ${lastLines(logFile, readableLine)}`,
      );
    }
    await delay(50);
  }
}
