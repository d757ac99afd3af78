import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { hasEnded, spawnService } from "@fiberstream/local-stack/spawn-service";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import type { ServiceName } from "@fiberstream/runtime/services";

/** An unplanned exit: the process exited unexpectedly, or was killed because it did not answer /livez. */
export type UnplannedEnd = {
  readonly name: string;
  readonly atMs: number;
  readonly reason: string;
};

export type ServiceProcess = {
  /** Sends SIGKILL; resolves when the process has ended. It stays down until `start`. */
  readonly kill: () => Promise<void>;
  readonly start: (options?: { clockShiftMs?: number }) => void;
  /** Shifts its wall clock; needs `ownClock`. */
  readonly stepClock: (shiftMs: number) => void;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /**
   * Sends SIGTERM; resolves when the process has ended.
   * @returns the exit code; null if a signal ended it
   */
  readonly stop: () => Promise<number | null>;
  readonly isReady: () => Promise<boolean>;
  /** Returns the partitions that it owns, by its metrics; none while it does not answer. */
  readonly partitions: () => Promise<readonly number[]>;
  /** Returns the partitions of a topic that it has stopped, by its metrics. */
  readonly stoppedPartitions: (topic: string) => Promise<readonly number[]>;
  /** Stops the liveness checks. */
  readonly release: () => void;
};

const POLL_INTERVAL_MS = 5_000;
/** Liveness checks like those of an orchestrator: three failures, every 5 s. */
const MAX_FAILED_CHECKS = 3;
const RESTART_AFTER_MS = 500;
/** Longer than the shutdown timeout of a service (25 s). */
const STOP_TIMEOUT_MS = 40_000;
const ROOT = inClone("");
const CLOCK = fileURLToPath(new URL("shifted-clock.mjs", import.meta.url));

/**
 * Creates a process of a service, which is supervised like in an orchestrator: restarted when it exits unexpectedly,
 * and killed after three failed liveness checks. It ends with this process.
 */
export function createServiceProcess(options: {
  name: string;
  service: ServiceName;
  environment: Readonly<Record<string, string>>;
  /** Folder of another version of the project. */
  root?: string;
  adminPort: number;
  folder: string;
  /** Whether its clock can be stepped while it runs. */
  ownClock?: boolean;
  onUnplannedEnd: (end: UnplannedEnd) => void;
}): ServiceProcess {
  const { name, service, adminPort, root = ROOT } = options;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  let child: ChildProcess | undefined;
  let isWanted = false;
  let isFrozen = false;
  let failedChecks = 0;
  let shiftMs = 0;
  const clockFile = join(options.folder, `${name}.clock`);

  const stepClock = (nextMs: number) => {
    shiftMs = nextMs;
    // Replaced by a rename, because it is read ten times a second.
    writeFileSync(`${clockFile}.new`, String(shiftMs));
    renameSync(`${clockFile}.new`, clockFile);
  };

  const start = ({ clockShiftMs = 0 }: { clockShiftMs?: number } = {}) => {
    stepClock(clockShiftMs);
    run();
  };

  const run = () => {
    isWanted = true;
    isFrozen = false;
    failedChecks = 0;
    const log = openSync(join(options.folder, `${name}.log`), "a");
    const clock = options.ownClock === true || shiftMs !== 0 ? ["--import", CLOCK] : [];
    const started = spawnService({
      service,
      checkout: root,
      nodeArgs: ["--trace-warnings", ...clock],
      output: log,
      // Ctrl-C reaches only this process.
      detached: true,
      environment: {
        ...inheritedEnvironment(),
        ...options.environment,
        CLOCK_FILE: clockFile,
      },
    });
    closeSync(log);
    child = started;
    started.on("exit", (code, signal) => {
      if (child !== started || !isWanted) return;
      options.onUnplannedEnd({ name, atMs: performance.now(), reason: signal ?? `code ${code}` });
      setTimeout(() => {
        if (child === started && isWanted) run();
      }, RESTART_AFTER_MS);
    });
  };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    isWanted = false;
    if (child === undefined || hasEnded(child)) return child?.exitCode ?? null;
    const exited = once(child, "exit") as Promise<[number | null]>;
    child.kill(signal);
    const giveUp = new AbortController();
    const ending = child;
    void delay(STOP_TIMEOUT_MS, undefined, { signal: giveUp.signal }).then(
      () => ending.kill("SIGKILL"),
      () => undefined,
    );
    const [code] = await exited;
    giveUp.abort();
    return code;
  };

  const poll = async () => {
    const looked = child;
    if (!isWanted || isFrozen || looked === undefined) return;
    const isAlive = await answers(`${adminUrl}/livez`);
    if (looked !== child || isFrozen || !isWanted) return;
    failedChecks = isAlive ? 0 : failedChecks + 1;
    if (failedChecks < MAX_FAILED_CHECKS) return;
    options.onUnplannedEnd({
      name,
      atMs: performance.now(),
      reason: "killed, because /livez failed",
    });
    await end("SIGKILL");
    run();
  };
  const checking = setInterval(() => void poll(), POLL_INTERVAL_MS);

  return {
    start,
    stepClock,
    kill: async () => void (await end("SIGKILL")),
    freeze: () => {
      isFrozen = true;
      child?.kill("SIGSTOP");
    },
    thaw: () => {
      child?.kill("SIGCONT");
      isFrozen = false;
      failedChecks = 0;
    },
    stop: () => end("SIGTERM"),
    isReady: () => answers(`${adminUrl}/readyz`),
    partitions: () => partitionsIn(`${adminUrl}/metrics`, LAG),
    stoppedPartitions: async (topic) =>
      partitionsIn(
        `${adminUrl}/metrics`,
        new RegExp(`^${STOPPED}\\{.*topic="${topic}",partition="(\\d+)".*\\} 1$`, "gm"),
      ),
    release: () => clearInterval(checking),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(POLL_INTERVAL_MS) })).ok;
  } catch {
    return false;
  }
}

/** Only the owner of a partition reports its lag. */
const LAG = /^fiberstream_pipeline_consumer_lag_seconds\{.*partition="(\d+)".*\}/gm;

const STOPPED = "fiberstream_pipeline_partition_stopped";

async function partitionsIn(url: string, line: RegExp): Promise<number[]> {
  try {
    const metrics = await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text();
    return Array.from(metrics.matchAll(line), ([, partition]) => Number(partition));
  } catch {
    return [];
  }
}
