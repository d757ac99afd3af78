import { appendFileSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { messageOf } from "@fiberstream/runtime/errors";
import type { ServiceName } from "@fiberstream/runtime/services";
import type { Started } from "./backing-services.ts";
import { childEnvironment } from "./config.ts";
import { NativeError } from "./native/native-error.ts";
import { lastLines } from "./native/sandbox.ts";
import { spawnService, untilReady } from "./spawn-service.ts";
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
  const child = spawnService({
    service: name,
    environment: childEnvironment(settings),
    output: "pipe",
    // Ctrl-C reaches only its starter, which stops it in order.
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
    await untilReady(child, { name, adminUrl, timeoutMs: READY_TIMEOUT_MS });
  } catch (error) {
    await stop();
    const log = lastLines(logFile, readableLine);
    throw new NativeError(`${messageOf(error)}. ${log}`, { cause: error });
  }
  return { ended, stop, ...(child.pid !== undefined && { pid: child.pid }) };
}
