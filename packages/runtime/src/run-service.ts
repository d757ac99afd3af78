import type { Registry } from "prom-client";
import { type AdminServer, startAdminServer } from "./http/admin-server.ts";
import { readConfig, type serviceSettings } from "./config.ts";
import { FatalError, messageOf } from "./errors.ts";
import { createHealth, type Health } from "./lifecycle/health.ts";
import { createLife, type Life, stopOnSignals } from "./lifecycle/life.ts";
import { createLog, type Log } from "./logging/log.ts";
import { createServiceRegistry } from "./lifecycle/service-metrics.ts";
import { ConfigError, type ConfigOf, type Settings } from "./settings/settings.ts";
import { startTracing, type Tracing } from "./tracing/tracing.ts";

/** What the frame gives to a service's own start. */
export type ServiceFrame<S extends Settings> = {
  readonly config: ConfigOf<S>;
  readonly log: Log;
  readonly life: Life;
  readonly health: Health;
  readonly registry: Registry;
  /** undefined when nothing is traced. */
  readonly tracing: Tracing | undefined;
  readonly admin: Pick<AdminServer, "route">;
};

/**
 * The frame of every service: settings, log, metrics, admin server, start, drain.
 * The admin server is up before `start` runs, so that an operator sees what start-up waits for.
 * Ends the process with code 1 when settings cannot be used or `start` throws.
 */
export async function runService<S extends ReturnType<typeof serviceSettings> & Settings>(options: {
  name: string;
  version: string;
  settings: S;
  start: (frame: ServiceFrame<S>) => Promise<void>;
}): Promise<void> {
  const { name, version } = options;
  const config = readConfigOrExit(name, options.settings);
  // The constraint on S guarantees these; a mapped type over a generic hides them from the compiler.
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
    log.info({ address: `http://${base.adminHost}:${admin.port}` }, "admin server listens");
    await options.start({ config, log, life, health, registry, tracing, admin });
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
