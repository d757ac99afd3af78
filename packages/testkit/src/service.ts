import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loopbackSettings, spawnService, untilReady } from "@fiberstream/local-stack/spawn-service";
import type { ServiceName } from "@fiberstream/runtime/services";
import { addresses, addressSettings } from "./addresses.ts";
import { inheritedEnvironment } from "./config.ts";
import { freePorts } from "./free-ports.ts";

export type RunningService = {
  /** Address of the public port; only the gateway has one. */
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Sends a signal; after SIGKILL it resolves when the process has ended. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /**
   * Sends SIGTERM and waits for the end of the process.
   * @returns the exit code; null if a signal ended it
   */
  readonly stop: () => Promise<number | null>;
  /** Returns its output so far. */
  readonly logs: () => string;
};

/** The auditor's key of all tests on this machine that set none. */
const AUDITOR_KEY = {
  AUDIT_SIGNING_KEY_FILE: join(tmpdir(), "fiberstream-tests-audit-key.pem"),
  AUDIT_CREATES_KEY: "true",
};

/**
 * Starts a service as a process, on free ports and the shared backing services, and waits until it is ready. It ends
 * with the test's process.
 *
 * @param environment further settings, e.g. NAMESPACE and DATABASE_URL
 * @param options.awaitReady false: does not wait, for a service that cannot become ready
 * @param options.openFiles limits the number of open files and connections; on Linux only
 * @param options.within wraps the service's command, e.g. to run it in a cgroup
 * @throws with the service's log when it ends or is not ready within 60 s
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
  const { openFiles, within = (command) => command } = options;
  const limits =
    openFiles === undefined || process.platform !== "linux"
      ? undefined
      : (["prlimit", `--nofile=${openFiles}`, "--"] as const);
  const child = spawnService({
    service: name,
    output: "pipe",
    wrap: (command) => (limits === undefined ? within(command) : [...limits, ...within(command)]),
    environment: {
      ...inheritedEnvironment(),
      ...addressSettings(addresses),
      ...loopbackSettings({ port, adminPort }),
      AUTH_MODE: "open",
      ...AUDITOR_KEY,
      ...environment,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const exited = once(child, "exit") as Promise<[number | null]>;
  const adminUrl = `http://127.0.0.1:${adminPort}`;

  if (options.awaitReady ?? true) {
    try {
      await untilReady(child, { name, adminUrl, timeoutMs: 60_000 });
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`${name} did not start. Its log:\n${output}`, { cause: error });
    }
  }
  return {
    url: `http://127.0.0.1:${environment["PORT"] ?? port}`,
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
