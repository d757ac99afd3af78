import { setTimeout as delay } from "node:timers/promises";
import { NativeError } from "./native-error.ts";
import { requireFreePort } from "./port-owner.ts";
import {
  childrenOf,
  firstProcessOf,
  lastLines,
  type Sandboxed,
  signalSandboxed,
  startSandboxed,
} from "./sandbox.ts";

/** Options of every backing service. */
export type BackingServiceOptions = {
  /** The root file system, see `ensureTree`. */
  readonly root: string;
  readonly port: number;
  /** Absolute path; the data is kept after the backing service has ended. */
  readonly dataDir: string;
  /** Absolute path. */
  readonly logFile: string;
};

/** A running backing service. */
export type BackingService = {
  readonly name: string;
  /** The process id of the program on the host. */
  readonly pid: number;
  /** Resolves with the exit code or signal when the backing service has ended. */
  readonly ended: Promise<string>;
  /** Stops it cleanly, with its data on disk; resolves when it and all its child processes have ended. */
  readonly stop: () => Promise<void>;
  /** Kills it with SIGKILL. */
  readonly kill: () => Promise<void>;
};

/** JVMs need a few seconds on an idle machine. */
const START_TIMEOUT_MS = 90_000;
/** After this time a clean stop is given up, and the process is killed. */
const STOP_TIMEOUT_MS = 20_000;

/**
 * Starts a backing service and waits until it is ready.
 *
 * @param definition.isReady queries the backing service; false or an error means that it is not ready yet
 * @throws {NativeError} when the port is in use, or the backing service ended or was not ready in time, with its last lines
 */
export async function startBackingService(definition: {
  name: string;
  portSetting: string;
  options: BackingServiceOptions;
  sandboxed: Omit<Sandboxed, "dataDir" | "logFile">;
  stopSignal: NodeJS.Signals;
  isReady: () => Promise<boolean>;
}): Promise<BackingService> {
  const { name, options, stopSignal, isReady } = definition;
  const { root, port, dataDir, logFile } = options;
  await requireFreePort({ number: port, setting: definition.portSetting });
  const child = startSandboxed(root, { ...definition.sandboxed, dataDir, logFile });
  const ended = Promise.withResolvers<string>();
  let exitReason: string | undefined;
  void ended.promise.then((how) => (exitReason = how));
  child
    .on("exit", (code, signal) => ended.resolve(signal ?? `code ${code}`))
    .on("error", (error) => ended.resolve(error.message));

  const end = async (signal: NodeJS.Signals) => {
    signalSandboxed(child, signal);
    const giveUp = setTimeout(() => signalSandboxed(child, "SIGKILL"), STOP_TIMEOUT_MS);
    await ended.promise.finally(() => clearTimeout(giveUp));
  };
  try {
    await untilReady({ name, logFile, isReady, exitReason: () => exitReason });
  } catch (error) {
    await end("SIGKILL");
    throw error;
  }
  return {
    name,
    pid: childrenOf(firstProcessOf(child))[0] ?? child.pid ?? 0,
    ended: ended.promise,
    stop: () => end(stopSignal),
    kill: () => end("SIGKILL"),
  };
}

async function untilReady(waiting: {
  name: string;
  logFile: string;
  isReady: () => Promise<boolean>;
  exitReason: () => string | undefined;
}): Promise<void> {
  const { name, logFile, isReady, exitReason } = waiting;
  const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady().catch(() => false))) {
    const how = exitReason();
    if (how !== undefined) {
      throw new NativeError(`${name} exited during its start (${how}). ${lastLines(logFile)}`);
    }
    if (performance.now() > giveUpAtMs) {
      throw new NativeError(
        `${name} was not ready within ${START_TIMEOUT_MS / 1_000} s. ${lastLines(logFile)}`,
      );
    }
    await delay(50);
  }
}
