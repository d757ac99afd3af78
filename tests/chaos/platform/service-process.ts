import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { spawnTied } from "@fiberstream/local-stack/spawn-tied";
import { SERVICE_ENVIRONMENT, serviceCommand } from "@fiberstream/runtime/service-process";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import type { ServiceName } from "@fiberstream/runtime/services";

/** An end that nobody had asked for: the process by itself, or because it no longer said that it was alive. */
export type UnplannedEnd = { readonly name: string; readonly atMs: number; readonly how: string };

export type ServiceProcess = {
  /** SIGKILL; settles when it is gone. It stays down until `start`. */
  readonly kill: () => Promise<void>;
  readonly start: (options?: { clockShiftMs?: number }) => void;
  /** From now on its wall clock is off by so much; needs a clock of its own. */
  readonly stepClock: (shiftMs: number) => void;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** SIGTERM; settles when it is gone. @returns its exit code; null when a signal ended it */
  readonly stop: () => Promise<number | null>;
  readonly isReady: () => Promise<boolean>;
  /** Partitions that it has, by its metrics; none while it does not answer. */
  readonly partitions: () => Promise<readonly number[]>;
  /** Those of a topic that it has stopped and names in its metrics. */
  readonly stoppedPartitions: (topic: string) => Promise<readonly number[]>;
  /** No more looks at it. */
  readonly release: () => void;
};

const POLL_INTERVAL_MS = 5_000;
/** As an orchestrator does: three looks in vain, 5 s each. */
const LOOKS_IN_VAIN = 3;
const RESTART_AFTER_MS = 500;
/** Past the 25 s in which a service promises to stop. */
const STOP_WITHIN_MS = 40_000;
const ROOT = inClone("");
const CLOCK = fileURLToPath(new URL("shifted-clock.mjs", import.meta.url));

/**
 * One process of a service, kept running as an orchestrator would: started again when it ends by
 * itself, killed when it says three times that it is not alive. It dies with this process.
 */
export function createServiceProcess(options: {
  name: string;
  service: ServiceName;
  environment: Readonly<Record<string, string>>;
  /** The folder of another version of the project than this one. */
  root?: string;
  adminPort: number;
  folder: string;
  /** Whether its clock can step while it runs. */
  ownClock?: boolean;
  onUnplannedEnd: (end: UnplannedEnd) => void;
}): ServiceProcess {
  const { name, service, adminPort, root = ROOT } = options;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  let child: ChildProcess | undefined;
  let isWanted = false;
  let isFrozen = false;
  let looksInVain = 0;
  let shiftMs = 0;
  const clockFile = join(options.folder, `${name}.clock`);

  const stepClock = (nextMs: number) => {
    shiftMs = nextMs;
    // Whole or not at all: it is read ten times a second.
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
    looksInVain = 0;
    const log = openSync(join(options.folder, `${name}.log`), "a");
    const clock = options.ownClock === true || shiftMs !== 0 ? ["--import", CLOCK] : [];
    const main = join(root, service, "src/main.ts");
    const started = spawnTied(serviceCommand(service, main, ["--trace-warnings", ...clock]), {
      stdio: ["ignore", log, log],
      // Ctrl-C reaches this process only.
      detached: true,
      env: {
        ...SERVICE_ENVIRONMENT,
        ...inheritedEnvironment(),
        ...options.environment,
        CLOCK_FILE: clockFile,
      },
    });
    closeSync(log);
    child = started;
    started.on("exit", (code, signal) => {
      if (child !== started || !isWanted) return;
      options.onUnplannedEnd({ name, atMs: performance.now(), how: signal ?? `code ${code}` });
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
    void delay(STOP_WITHIN_MS, undefined, { signal: giveUp.signal }).then(
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
    looksInVain = isAlive ? 0 : looksInVain + 1;
    if (looksInVain < LOOKS_IN_VAIN) return;
    options.onUnplannedEnd({ name, atMs: performance.now(), how: "not alive: killed" });
    await end("SIGKILL");
    run();
  };
  const looking = setInterval(() => void poll(), POLL_INTERVAL_MS);

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
      looksInVain = 0;
    },
    stop: () => end("SIGTERM"),
    isReady: () => answers(`${adminUrl}/readyz`),
    partitions: () => partitionsIn(`${adminUrl}/metrics`, LAG),
    stoppedPartitions: async (topic) =>
      partitionsIn(
        `${adminUrl}/metrics`,
        new RegExp(`^${STOPPED}\\{.*topic="${topic}",partition="(\\d+)".*\\} 1$`, "gm"),
      ),
    release: () => clearInterval(looking),
  };
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(POLL_INTERVAL_MS) })).ok;
  } catch {
    return false;
  }
}

/** Only who has a partition has its lag. */
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
