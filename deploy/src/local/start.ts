import { rmSync, statSync } from "node:fs";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { tryLock } from "../native/lock.ts";
import { requireFreePort } from "../native/port-owner.ts";
import { bringUp } from "./bring-up.ts";
import type { LocalConfig } from "./config.ts";
import { hasCompose, isEngineUp } from "./docker-engine.ts";
import { say, sayFailure, sayLogLine, showReady } from "./output.ts";
import { PARTS, planParts } from "./parts.ts";
import { partSettings, planServices } from "./services.ts";
import { describeRun } from "./describe-run.ts";
import { SERVICES } from "./start-service.ts";
import { readRun, stateFiles } from "./state-files.ts";
import { createSupervision } from "./supervision.ts";

/**
 * Starts everything, in order, and keeps it running until a signal comes; then stops everything,
 * services before parts.
 *
 * @returns the process's exit code
 */
export async function start(config: LocalConfig): Promise<number> {
  const begunMs = performance.now();
  const lock = tryLock(stateFiles(config.stateDir).lock);
  if ("heldBy" in lock) {
    say(describeRun(readRun(config.stateDir), lock.heldBy.pid));
    return 0;
  }
  const life = createLife();
  life.own(lock, (held) => held.release());
  const signalled = firstSignal();

  const url = `http://127.0.0.1:${config.gatewayPort}`;
  const supervision = createSupervision({ stateDir: config.stateDir, url, life, say });
  let isReady = false;
  const startAll = async () => {
    dropLargeLogs(config.stateDir);
    const parts = planParts(config, (await usesContainers()) ? "container" : "native");
    const services = planServices(config, parts, (service, line) => {
      // Until then the task list has the screen; the lines are in the log files.
      if (isReady) sayLogLine(service, line);
    });
    for (const port of [...parts, ...services].flatMap((plan) => plan.ports)) {
      await requireFreePort(port);
    }
    await bringUp({ parts, services, supervision, namespace: config.namespace });
    isReady = true;
    const prometheusUrl = parts.find(({ name }) => name === "prometheus")?.address ?? "";
    const databaseUrl = partSettings(parts).DATABASE_URL;
    const startedInMs = performance.now() - begunMs;
    // Said first: who waits for a start in the background reads until it is ready.
    showReady({ url, databaseUrl, prometheusUrl, startedInMs, services });
    supervision.become("ready");
  };

  const failure = await Promise.race([startAll().then(() => undefined, messageOf), signalled]);
  if (failure === undefined) await signalled;
  else if (failure !== SIGNALLED) sayFailure(failure);
  supervision.become("stopping");
  await life.stop();
  return failure === undefined ? 0 : 1;
}

const SIGNALLED = Symbol("signalled");

/**
 * One Ctrl-C can arrive more than once (from the terminal and handed on by npm), and so does the
 * death of a parent with several threads.
 */
const SAME_SIGNAL_WITHIN_MS = 1_000;

/** The first signal stops in order; a later one ends this process, and the kernel all the others. */
function firstSignal(): Promise<typeof SIGNALLED> {
  const { promise, resolve } = Promise.withResolvers<typeof SIGNALLED>();
  let firstMs: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      const nowMs = performance.now();
      if (firstMs !== undefined) {
        if (nowMs - firstMs > SAME_SIGNAL_WITHIN_MS) process.exit(1);
        return;
      }
      firstMs = nowMs;
      say("stopping (again to stop at once)");
      resolve(SIGNALLED);
    });
  }
  return promise;
}

const usesContainers = async () => (await isEngineUp()) && (await hasCompose());

/** Past this a log of earlier starts is begun anew. */
const MAX_LOG_BYTES = 20e6;

function dropLargeLogs(stateDir: string): void {
  for (const name of [...PARTS, ...SERVICES]) {
    const file = stateFiles(stateDir).log(name);
    const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > MAX_LOG_BYTES) rmSync(file);
  }
}
