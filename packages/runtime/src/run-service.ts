import type { Registry } from "prom-client";
import { type AdminServer, startAdminServer } from "./http/admin-server.ts";
import { readConfig, type serviceSettings } from "./config.ts";
import { FatalError, messageOf } from "./errors.ts";
import { type Check, createHealth, type Health } from "./lifecycle/health.ts";
import { createLife, type Life, stopOnSignals } from "./lifecycle/life.ts";
import { untilAvailable } from "./lifecycle/retry.ts";
import { createServiceRegistry } from "./lifecycle/service-metrics.ts";
import { createLog, type Log } from "./logging/log.ts";
import { ConfigError, type ConfigOf, type Settings } from "./settings/settings.ts";
import { startTracing, type Tracing } from "./tracing/tracing.ts";

/** The arguments of a service's `start`. */
export type ServiceFrame<S extends Settings> = {
  readonly version: string;
  readonly config: ConfigOf<S>;
  readonly log: Log;
  readonly life: Life;
  readonly health: Health;
  readonly registry: Registry;
  /** Undefined when tracing is off. */
  readonly tracing: Tracing | undefined;
  readonly admin: Pick<AdminServer, "route">;
  readonly waitFor: WaitFor;
};

/**
 * Retries a call until its dependency is available; until then the dependency's check fails.
 *
 * @param dependency.where the address to show, without credentials
 * @param dependency.check a check that the service also sets; by default a new one with the dependency's name
 * @throws any error of `attempt` that is not a TransientError
 * @throws AbortError once the service stops
 */
export type WaitFor = <T>(
  dependency: { readonly name: string; readonly where: string; readonly check?: Check },
  attempt: () => Promise<T>,
) => Promise<T>;

/**
 * Runs a service: settings, log, metrics, admin server, start and drain. The admin server is available before `start`
 * runs, so that an operator sees which dependency the start waits for.
 * Ends the process with code 1 if the settings are invalid or `start` throws.
 */
export async function runService<S extends ReturnType<typeof serviceSettings> & Settings>(options: {
  name: string;
  version: string;
  settings: S;
  start: (frame: ServiceFrame<S>) => Promise<void>;
}): Promise<void> {
  const { name, version } = options;
  const config = readConfigOrExit(name, options.settings);
  // The constraint on S guarantees these settings; the compiler does not see that through the mapped type.
  const base = config as ConfigOf<ReturnType<typeof serviceSettings>>;
  const log = createLog({ service: name, level: base.logLevel, format: base.logFormat });
  const life = createLife();
  stopOnSignals(life, { log, timeoutMs: base.shutdownTimeoutMs });

  const health = createHealth();
  const registry = createServiceRegistry({ service: name, version, health });
  const serving = health.check("service");
  serving.failing("starting");

  try {
    const tracing = life.own(
      await startTracing({ config: base, service: name, version, log }),
      (owned) => owned?.close(),
    );
    const admin = life.own(
      await startAdminServer({ host: base.adminHost, port: base.adminPort, health, registry }),
      (server) => server.close(),
    );
    log.info({ address: `http://${base.adminHost}:${admin.port}` }, "admin server listening");
    const { stopping } = life;
    const waitFor: WaitFor = ({ name: dependency, where, check }, attempt) =>
      untilAvailable(attempt, {
        name: dependency,
        where,
        check: check ?? health.check(dependency),
        log,
        stopping,
      });
    await options.start({ version, config, log, life, health, registry, tracing, admin, waitFor });
    // Acquired last, so released first: a stopping service is not ready before anything else happens.
    life.own(serving, (check) => check.failing("stopping"));
    serving.ok();
    log.info({ version }, "started");
  } catch (error) {
    if (life.stopping.aborted) return;
    const advice = error instanceof FatalError ? error.advice : undefined;
    log.fatal({ reason: messageOf(error), advice, err: error }, "start failed");
    await life.stop().catch(() => undefined);
    process.exit(1);
  }
}

function readConfigOrExit<S extends Settings>(name: string, settings: S): ConfigOf<S> {
  try {
    return readConfig(settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    return process.exit(1);
  }
}
