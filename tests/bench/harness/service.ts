import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { lastLines } from "@fiberstream/local-stack/native/sandbox";
import { loopbackSettings, spawnService, untilReady } from "@fiberstream/local-stack/spawn-service";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { freePorts } from "@fiberstream/testkit/free-ports";
import type { ServiceName } from "@fiberstream/runtime/services";
import type { BenchBackingServices } from "./backing-services.ts";

/** A running service. */
export type BenchService = {
  readonly service: ServiceName;
  readonly pid: number;
  /** Address of the public port; only the gateway has one. */
  readonly url: string;
  readonly adminUrl: string;
  readonly log: () => string;
  /** Returns the end of the log, for error messages. */
  readonly lastLines: () => string;
  readonly loggedBytes: () => number;
  /** Sends SIGTERM; resolves when the process has ended. */
  readonly end: () => Promise<void>;
};

/** The root of this checkout. */
export const CHECKOUT = inClone("");
/** Longer than usual, because other services may be using the CPU. */
const READY_TIMEOUT_MS = 60_000;

/**
 * Starts a service with the command of deployments. On Linux it ends with this process.
 *
 * @param options.checkout folder of the checkout whose code runs (absolute path)
 * @param options.settings settings in addition to the addresses of the backing services
 * @param options.nodeArgs arguments of Node in addition to the service's own
 * @throws with its log when it ends or is not ready within a minute
 */
export async function startBenchService(options: {
  checkout?: string;
  service: ServiceName;
  name: string;
  backingServices: BenchBackingServices;
  settings?: Readonly<Record<string, string>>;
  nodeArgs?: readonly string[];
}): Promise<BenchService> {
  const {
    checkout = CHECKOUT,
    service,
    name,
    backingServices,
    settings = {},
    nodeArgs = [],
  } = options;
  const [port = 0, adminPort = 0] = await freePorts(2);
  const logFile = join(backingServices.folder, `${name}.log`);
  const output = openSync(logFile, "a");
  const child = spawnService({
    service,
    checkout,
    cwd: checkout,
    nodeArgs,
    output,
    environment: {
      ...inheritedEnvironment(),
      KAFKA_BROKERS: backingServices.kafkaBrokers,
      SCHEMA_REGISTRY_URL: backingServices.schemaRegistryUrl,
      REDIS_URL: backingServices.redisUrl,
      DATABASE_URL: backingServices.databaseUrl,
      ...loopbackSettings({ port, adminPort }),
      AUTH_MODE: "open",
      AUDIT_SIGNING_KEY_FILE: join(backingServices.folder, "audit-key.pem"),
      AUDIT_CREATES_KEY: "true",
      ...settings,
    },
  });
  closeSync(output);
  const log = () => readFileSync(logFile, "utf8");
  const exited = once(child, "exit");
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  try {
    await untilReady(child, { name, adminUrl, timeoutMs: READY_TIMEOUT_MS });
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${name} did not start. Its log:\n${log()}`, { cause: error });
  }
  return {
    service,
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    adminUrl,
    log,
    lastLines: () => lastLines(logFile),
    loggedBytes: () => statSync(logFile).size,
    end: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
