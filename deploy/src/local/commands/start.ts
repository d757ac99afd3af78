import { rmSync, statSync } from "node:fs";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { tryLock } from "@fiberstream/local-stack/native/lock";
import { requireFreePort } from "@fiberstream/local-stack/native/port-owner";
import { createAdminLink } from "../admin-link.ts";
import { bringUp } from "../bring-up.ts";
import type { LocalConfig } from "../config.ts";
import { hasCompose, isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { say, sayFailure, sayLogLine, sayText, showReady } from "../output.ts";
import { planBackingServices } from "../backing-services.ts";
import { addressSettings, planServices } from "../services.ts";
import { consoleAddress, planSingleSignOn, signInWithProvider } from "../single-sign-on.ts";
import { describeRun } from "../supervision/describe-run.ts";
import { BACKING_SERVICES } from "@fiberstream/local-stack/backing-services";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { readRun, stateFiles } from "../supervision/state-files.ts";
import { createSupervisor } from "../supervision/supervisor.ts";
import { renderTrace } from "@fiberstream/terminal/traces/render-trace";
import { startTraceViewer } from "@fiberstream/terminal/traces/trace-viewer";

/**
 * Starts everything in order, and keeps it running until a signal arrives. Then it stops everything,
 * services before backing services.
 *
 * @param options.trace prints the trace of each event
 * @param options.sso starts an identity provider, too
 * @returns the process's exit code
 */
export async function start(
  config: LocalConfig,
  options: { trace: boolean; sso: boolean },
): Promise<number> {
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
  const supervisor = createSupervisor({ stateDir: config.stateDir, url, life, say });
  let isReady = false;
  const startAll = async () => {
    dropLargeLogs(config.stateDir);
    const backingServices = planBackingServices(
      config,
      (await usesContainers()) ? "container" : "native",
    );
    const tracesPort = { number: config.tracesPort, setting: "TRACES_PORT" };
    const tracesUrl = options.trace ? `http://127.0.0.1:${config.tracesPort}` : undefined;
    const onLine: Parameters<typeof planServices>[2] = (service, line) => {
      // Before, the task list uses the screen; the lines are in the log files.
      if (isReady) sayLogLine(service, line);
    };
    const singleSignOn = options.sso ? planSingleSignOn(config) : undefined;
    const services = planServices(
      config,
      backingServices,
      onLine,
      tracesUrl,
      singleSignOn?.settings ?? { PUBLIC_URL: consoleAddress(config) },
    );
    const ports = [
      ...[...backingServices, ...services].flatMap((plan) => plan.ports),
      ...(options.trace ? [tracesPort] : []),
      ...(options.sso
        ? [{ number: config.identityProviderPort, setting: "IDENTITY_PROVIDER_PORT" }]
        : []),
    ];
    for (const port of ports) await requireFreePort(port);
    await singleSignOn?.start(life);
    if (options.trace) {
      life.own(
        await startTraceViewer({
          port: config.tracesPort,
          quietMs: TRACE_QUIET_MS,
          onComplete: (trace) => sayText(renderTrace(trace)),
        }),
        (viewer) => viewer.close(),
      );
    }
    const { namespace, beginsAgain } = config;
    await bringUp({ backingServices, services, supervisor, namespace, beginsAgain });
    isReady = true;
    const prometheusUrl = backingServices.find(({ name }) => name === "prometheus")?.address ?? "";
    const databaseUrl = addressSettings(backingServices).DATABASE_URL;
    const startedInMs = performance.now() - begunMs;
    // Printed before the state becomes ready: a start in the background reads the output until then.
    const consoleUrl = `http://127.0.0.1:${config.consolePort}`;
    const signIn = options.sso
      ? signInWithProvider(config)
      : `${await createAdminLink({ databaseUrl, consoleUrl: consoleAddress(config) })}  (once)`;
    showReady({
      url,
      consoleUrl,
      databaseUrl,
      prometheusUrl,
      tracesUrl,
      startedInMs,
      services,
      signIn,
    });
    supervisor.become("ready");
  };

  const failure = await Promise.race([startAll().then(() => undefined, messageOf), signalled]);
  if (failure === undefined) await signalled;
  else if (failure !== SIGNALLED) sayFailure(failure);
  supervisor.become("stopping");
  await life.stop();
  return failure === undefined ? 0 : 1;
}

/** The services export their spans every 500 ms. */
const TRACE_QUIET_MS = 1_500;

const SIGNALLED = Symbol("signalled");

/**
 * One Ctrl-C can arrive twice: from the terminal, and forwarded by npm. The death of a parent with several
 * threads sends several signals, too.
 */
const SAME_SIGNAL_WITHIN_MS = 1_000;

/** Resolves at the first signal. A later one ends this process at once, and the kernel ends all its children. */
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
      say("stopping; press Ctrl-C again to stop at once");
      resolve(SIGNALLED);
    });
  }
  return promise;
}

const usesContainers = async () => (await isEngineUp()) && (await hasCompose());

/** A larger log of earlier starts is deleted. */
const MAX_LOG_BYTES = 20e6;

function dropLargeLogs(stateDir: string): void {
  for (const name of [...BACKING_SERVICES, ...SERVICE_NAMES]) {
    const file = stateFiles(stateDir).log(name);
    const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > MAX_LOG_BYTES) rmSync(file);
  }
}
