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

/** What every backing service is started with. */
export type BackingServiceOptions = {
  /** The tree, see `ensureTree`. */
  readonly root: string;
  readonly port: number;
  /** Absolute; outlives the backing service. */
  readonly dataDir: string;
  /** Absolute. */
  readonly logFile: string;
};

/** A backing service that is up. */
export type BackingService = {
  readonly name: string;
  /** The program itself, as the host numbers it. */
  readonly pid: number;
  /** Settles when the backing service has ended, whoever ended it; says how. */
  readonly ended: Promise<string>;
  /** Ends it cleanly, its data on disk; settles when it and everything below it is gone. */
  readonly stop: () => Promise<void>;
  /** Ends it as a power cut would (SIGKILL). */
  readonly kill: () => Promise<void>;
};

/** JVMs take a few seconds on a quiet machine; a minute and a half is a machine in trouble. */
const START_TIMEOUT_MS = 90_000;
/** Past this a clean stop is given up, so that no stop ever hangs. */
const STOP_TIMEOUT_MS = 20_000;

/**
 * Starts a backing service and waits until it does its job.
 *
 * @param definition.isReady asks the backing service itself; false or an error means not yet
 * @throws {NativeError} the port is taken, or the backing service died or did not get ready, with its last lines
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
  let howItEnded: string | undefined;
  void ended.promise.then((how) => (howItEnded = how));
  child
    .on("exit", (code, signal) => ended.resolve(signal ?? `code ${code}`))
    .on("error", (error) => ended.resolve(error.message));

  const end = async (signal: NodeJS.Signals) => {
    signalSandboxed(child, signal);
    const giveUp = setTimeout(() => signalSandboxed(child, "SIGKILL"), STOP_TIMEOUT_MS);
    await ended.promise.finally(() => clearTimeout(giveUp));
  };
  try {
    await untilReady({ name, logFile, isReady, howItEnded: () => howItEnded });
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
  howItEnded: () => string | undefined;
}): Promise<void> {
  const { name, logFile, isReady, howItEnded } = waiting;
  const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady().catch(() => false))) {
    const how = howItEnded();
    if (how !== undefined) {
      throw new NativeError(`${name} ended while it was starting (${how}). ${lastLines(logFile)}`);
    }
    if (performance.now() > giveUpAtMs) {
      throw new NativeError(
        `${name} did not get ready within ${START_TIMEOUT_MS / 1_000} s. ${lastLines(logFile)}`,
      );
    }
    await delay(50);
  }
}
