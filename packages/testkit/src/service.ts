import { once } from "node:events";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { spawnTied } from "@fiberstream/local-stack/spawn-tied";
import { SERVICE_ENVIRONMENT, serviceCommand } from "@fiberstream/runtime/service-process";
import type { ServiceName } from "@fiberstream/runtime/services";
import { addresses, addressSettings } from "./addresses.ts";
import { inheritedEnvironment } from "./config.ts";
import { freePorts } from "./free-ports.ts";
import { until } from "./until.ts";

export type RunningService = {
  /** The public port's; only the gateway serves there. */
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Signals it; with SIGKILL settles when it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** SIGTERM, then waits for its end. @returns its exit code; null when a signal ended it */
  readonly stop: () => Promise<number | null>;
  /** Everything that it has printed so far. */
  readonly logs: () => string;
};

/**
 * Starts a real service as its own process, on free ports and the run's shared backing services, and waits
 * until it is ready. It dies with the test's process.
 *
 * @param environment settings on top, e.g. NAMESPACE and DATABASE_URL
 * @param options.awaitReady false to look at a service that cannot get ready
 * @param options.openFiles how many files and connections it may have open at once; on Linux only
 * @param options.within makes another command of the service's own, e.g. one that runs it in a cgroup
 * @throws when it ends or is not ready within 30 s, with its log
 */
export async function startService(
  name: ServiceName,
  environment: Readonly<Record<string, string>>,
  options: {
    awaitReady?: boolean;
    openFiles?: number;
    within?: (command: [string, ...string[]]) => [string, ...string[]];
  } = {},
): Promise<RunningService> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const main = inClone(`${name}/src/main.ts`);
  const command = serviceCommand(name, main);
  const limits =
    options.openFiles === undefined || process.platform !== "linux"
      ? []
      : ["prlimit", `--nofile=${options.openFiles}`, "--"];
  const [program, ...parameters] = [...limits, ...(options.within?.(command) ?? command)];
  const child = spawnTied([program ?? process.execPath, ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...SERVICE_ENVIRONMENT,
      ...inheritedEnvironment(),
      ...addressSettings(addresses),
      HOST: "127.0.0.1",
      PORT: String(port),
      AUTH_MODE: "open",
      ADMIN_HOST: "127.0.0.1",
      ADMIN_PORT: String(adminPort),
      LOG_FORMAT: "json",
      ...environment,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const exited = once(child, "exit") as Promise<[number | null]>;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const adminUrl = `http://127.0.0.1:${adminPort}`;

  if (options.awaitReady ?? true) {
    try {
      await until(async () => hasEnded() || (await fetch(`${adminUrl}/readyz`)).ok, {
        what: `${name} is ready`,
        timeoutMs: 30_000,
      });
      if (hasEnded()) throw new Error(`${name} ended with code ${child.exitCode}`);
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`${name} did not start. Its log:\n${output}`, { cause: error });
    }
  }
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl,
    pid: child.pid ?? 0,
    kill: async (signal = "SIGKILL") => {
      child.kill(signal);
      if (signal === "SIGKILL") await exited;
    },
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code;
    },
    logs: () => output,
  };
}
