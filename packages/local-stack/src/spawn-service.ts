import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SERVICE_ENVIRONMENT, serviceCommand } from "@fiberstream/runtime/service-process";
import type { ServiceName } from "@fiberstream/runtime/services";
import { readReadiness } from "@fiberstream/terminal/readiness";
import { inClone } from "./in-clone.ts";
import { NativeError } from "./native/native-error.ts";
import { spawnTied } from "./spawn-tied.ts";

const POLL_INTERVAL_MS = 50;

type ServiceCommand = readonly [string, ...string[]];

/**
 * Starts a service with the command of deployments. On Linux it ends with this process.
 *
 * @param options.checkout folder of the checkout whose code runs (absolute path); default: this one
 * @param options.nodeArgs arguments of Node in addition to the service's own
 * @param options.environment the service's environment, in addition to the one that every service gets
 * @param options.output a file descriptor for its output, or "pipe"
 * @param options.detached starts it in a session of its own, so that Ctrl-C reaches only its starter
 * @param options.wrap changes the command, e.g. to run it in a cgroup
 */
export function spawnService(options: {
  service: ServiceName;
  checkout?: string;
  nodeArgs?: readonly string[];
  environment: NodeJS.ProcessEnv;
  output: number | "pipe";
  cwd?: string;
  detached?: boolean;
  wrap?: (command: [string, ...string[]]) => ServiceCommand;
}): ChildProcess {
  const { service, checkout = inClone(""), output, cwd, detached = false } = options;
  const main = join(checkout, service, "src/main.ts");
  const command = serviceCommand(service, main, options.nodeArgs);
  return spawnTied(options.wrap?.(command) ?? command, {
    stdio: ["ignore", output, output],
    env: { ...SERVICE_ENVIRONMENT, ...options.environment },
    ...(cwd !== undefined && { cwd }),
    detached,
  });
}

/** Returns the settings of a service that listens only on the loopback interface. */
export const loopbackSettings = (ports: { port?: number; adminPort: number }) => ({
  HOST: "127.0.0.1",
  ...(ports.port !== undefined && { PORT: String(ports.port) }),
  ADMIN_HOST: "127.0.0.1",
  ADMIN_PORT: String(ports.adminPort),
  LOG_FORMAT: "json",
});

/** Returns whether a process has ended, by itself or by a signal. */
export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/**
 * Waits until a service is ready.
 * @throws {NativeError} when it has ended, or is not ready in time, with the failing checks
 */
export async function untilReady(
  child: ChildProcess,
  options: { name: string; adminUrl: string; timeoutMs: number },
): Promise<void> {
  const { name, adminUrl, timeoutMs } = options;
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const { state, reason } = await readReadiness(adminUrl);
    if (state === "ready") return;
    if (hasEnded(child)) {
      const how = child.signalCode ?? `code ${child.exitCode}`;
      throw new NativeError(`${name} exited during its start (${how})`);
    }
    if (performance.now() > giveUpAtMs) {
      throw new NativeError(`${name} is not ready: ${state} (${reason ?? "no reason given"})`);
    }
    await delay(POLL_INTERVAL_MS);
  }
}
