import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Life } from "@fiberstream/runtime/life";
import { freePorts } from "@fiberstream/testkit/free-ports";
import type { ServiceName } from "@fiberstream/runtime/services";
import { until } from "@fiberstream/testkit/until";
import { createServiceProcess, type ServiceProcess } from "../chaos/platform/service-process.ts";
import type { AskedConsole } from "./ask-consoles.ts";
import type { Environment } from "../src/platform/run-program.ts";

/** Two processes of each service, in the order in which they are upgraded. */
export const INSTANCES = [
  "sink-writer-1",
  "stream-processor-1",
  "ingest-gateway-1",
  "console-1",
  "sink-writer-2",
  "stream-processor-2",
  "ingest-gateway-2",
  "console-2",
] as const;
type Instance = (typeof INSTANCES)[number];

export type Instances = {
  readonly gatewayUrls: readonly URL[];
  /** The consoles that are ready, and not about to be stopped. */
  readonly consoles: () => readonly AskedConsole[];
  /**
   * Replaces a process by one of the version in `root`; resolves when it is ready. A service that the version does not have yet is
   * only stopped.
   */
  readonly replace: (instance: Instance, root: string) => Promise<void>;
  readonly stopAll: () => Promise<void>;
  /** Unplanned exits and failed stops, as texts. */
  readonly failures: readonly string[];
};

const READY_TIMEOUT_MS = 60_000;

/**
 * Creates the instances.
 * @param options.folder folder of the logs (absolute path)
 */
export async function createInstances(options: {
  life: Life;
  folder: string;
  environment: Environment;
}): Promise<Instances> {
  const { life, folder } = options;
  mkdirSync(folder, { recursive: true });
  const ports = await freePorts(2 * INSTANCES.length);
  const portsOf = (instance: Instance) => {
    const at = INSTANCES.indexOf(instance);
    return { port: ports[at] ?? 0, adminPort: ports[INSTANCES.length + at] ?? 0 };
  };
  const running = new Map<Instance, ServiceProcess>();
  const ready = new Set<Instance>();
  const failures: string[] = [];

  const stop = async (instance: Instance) => {
    const found = running.get(instance);
    running.delete(instance);
    ready.delete(instance);
    found?.release();
    const code = await found?.stop();
    if (code !== undefined && code !== 0) failures.push(`${instance} stopped with code ${code}`);
  };
  life.own("processes", () =>
    Promise.all(
      Array.from(running.values(), (made) => {
        made.release();
        return made.kill();
      }),
    ),
  );

  return {
    failures,
    gatewayUrls: INSTANCES.filter((instance) => instance.startsWith("ingest-gateway")).map(
      (instance) => new URL(`http://127.0.0.1:${portsOf(instance).port}`),
    ),
    consoles: () =>
      [...ready]
        .filter((instance) => instance.startsWith("console"))
        .map((name) => ({ name, url: new URL(`http://127.0.0.1:${portsOf(name).port}`) })),
    replace: async (instance, root) => {
      await stop(instance);
      const { port, adminPort } = portsOf(instance);
      const service = instance.slice(0, -2) as ServiceName;
      if (!existsSync(join(root, service, "src", "main.ts"))) return;
      const made = createServiceProcess({
        name: instance,
        service,
        root,
        adminPort,
        folder,
        environment: {
          ...options.environment,
          HOST: "127.0.0.1",
          PORT: String(port),
          ADMIN_HOST: "127.0.0.1",
          ADMIN_PORT: String(adminPort),
          AUTH_MODE: "open",
          LOG_FORMAT: "json",
        },
        onUnplannedEnd: ({ name, reason }) => failures.push(`${name} ended by itself (${reason})`),
      });
      running.set(instance, made);
      made.start();
      const what = `${instance} is ready (its log: ${join(folder, `${instance}.log`)})`;
      await until(made.isReady, { what, timeoutMs: READY_TIMEOUT_MS });
      ready.add(instance);
    },
    stopAll: async () => {
      await Promise.all([...running.keys()].map(stop));
    },
  };
}
