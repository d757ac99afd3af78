import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "@fiberstream/provisioning/migrate";
import { deployTopics } from "@fiberstream/provisioning/topics";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { freePorts } from "@fiberstream/testkit/free-ports";
import type { ServiceName } from "@fiberstream/runtime/services";
import { until } from "@fiberstream/testkit/until";
import { type Network, startNetwork } from "./network.ts";
import { type BackingServices, startBackingServices } from "./backing-services.ts";
import { createServiceProcess, type ServiceProcess, type UnplannedEnd } from "./service-process.ts";
import {
  type BrokerName,
  type InstanceName,
  INSTANCES,
  linkOf,
  type BackingServiceName,
  serviceOf,
  type Topology,
} from "./topology.ts";

/** The running platform: backing services, links and services. */
export type Platform = {
  readonly backingServices: BackingServices;
  readonly network: Network;
  readonly service: (name: InstanceName) => ServiceProcess;
  readonly consoleUrl: URL;
  /** Exits of services so far that no fault has caused. */
  readonly unplannedEnds: readonly UnplannedEnd[];
};

const SERVICES: Record<ReturnType<typeof serviceOf>, ServiceName> = {
  gateway: "ingest-gateway",
  processor: "stream-processor",
  sink: "sink-writer",
  console: "console",
};

/**
 * Starts the platform.
 * @param options.folder folder of data and logs (absolute path)
 */
export async function startPlatform(options: {
  folder: string;
  topology: Topology;
  /** Whether the database gets its own volume, which can be filled. */
  ownVolume: boolean;
  /** Whether the clocks of running services can be stepped. */
  ownClocks: boolean;
  life: Life;
  onProgress: (progress: string) => void;
}): Promise<Platform> {
  const { folder, topology, life, onProgress } = options;
  const { brokers, links } = topology;
  // A listener of each broker for each instance, because Kafka advertises the address that clients use afterwards.
  const listenerCount = INSTANCES.length * brokers.length;
  const ports = await freePorts(links.length + listenerCount + 2 * INSTANCES.length);
  const linkPorts = ports.splice(0, links.length);
  const listenerPorts = ports.splice(0, listenerCount);
  const publicPorts = portsOf(ports.splice(0, INSTANCES.length));
  const adminPorts = portsOf(ports);
  const linkPortOf = (link: string) => linkPorts[links.indexOf(link)] ?? 0;
  const listenerOf = (instance: InstanceName, broker: BrokerName) =>
    listenerPorts[INSTANCES.indexOf(instance) * brokers.length + brokers.indexOf(broker)] ?? 0;

  onProgress("starting Kafka, the registry, Redis and PostgreSQL");
  const backingServices = life.own(
    await startBackingServices({
      folder,
      brokers,
      listenersOf: (broker) =>
        INSTANCES.map((instance) => ({
          port: listenerOf(instance, broker),
          advertisedPort: linkPortOf(linkOf(instance, broker)),
        })),
      ownVolume: options.ownVolume,
      onProgress,
    }),
    (owned) => owned.end(),
  );
  await deployTopics({
    brokers: backingServices.brokers,
    schemaRegistryUrl: backingServices.of("registry").address,
    namespace: "",
    log: createLog({ service: "chaos", level: "silent", format: "json" }),
    print: () => undefined,
  });
  await migrate({ databaseUrl: backingServices.databaseUrl, print: () => undefined });

  const targetOf = (link: string) => {
    const [from, to] = link.split(">") as [InstanceName, BackingServiceName];
    if (link.startsWith("senders>")) return publicPorts[to as InstanceName];
    return isBroker(to) ? listenerOf(from, to) : backingServices.portOf(to);
  };
  const isBroker = (name: BackingServiceName): name is BrokerName =>
    brokers.includes(name as BrokerName);
  const network = life.own(
    await startNetwork(links.map((link) => ({ link, port: linkPortOf(link), to: targetOf(link) }))),
    (owned) => owned.close(),
  );

  onProgress("starting two gateways, two processors, two sinks and a console");
  const unplannedEnds: UnplannedEnd[] = [];
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });
  const services = new Map<InstanceName, ServiceProcess>();
  for (const name of INSTANCES) {
    const made = createServiceProcess({
      name,
      service: SERVICES[serviceOf(name)],
      adminPort: adminPorts[name],
      folder: logs,
      ownClock: options.ownClocks,
      environment: {
        ...environmentOf(name, { backingServices, network, topology }),
        PORT: String(publicPorts[name]),
        ADMIN_PORT: String(adminPorts[name]),
      },
      onUnplannedEnd: (end) => unplannedEnds.push(end),
    });
    services.set(name, made);
    life.own(made, async (owned) => {
      owned.release();
      await owned.kill();
    });
    made.start();
  }
  for (const [name, made] of services) {
    const log = join(logs, `${name}.log`);
    await until(made.isReady, { what: `${name} is ready (its log: ${log})`, timeoutMs: 60_000 });
  }
  return {
    backingServices,
    network,
    unplannedEnds,
    consoleUrl: new URL(`http://127.0.0.1:${publicPorts["console-1"]}`),
    service: (name) => {
      const found = services.get(name);
      if (found === undefined) throw new RangeError(`there is no ${name}`);
      return found;
    },
  };
}

/** Returns the settings of an instance, with all addresses through its own links. */
function environmentOf(
  name: InstanceName,
  {
    backingServices,
    network,
    topology,
  }: { backingServices: BackingServices; network: Network; topology: Topology },
): Record<string, string> {
  const through = (backingService: "registry" | "redis" | "postgres", address: string) => {
    const url = new URL(address);
    const link = linkOf(name, backingService);
    if (topology.links.includes(link)) url.port = String(network.portOf(link));
    url.hostname = "127.0.0.1";
    return url.href;
  };
  const brokers = topology.brokers.map((broker) => network.portOf(linkOf(name, broker)));
  return {
    HOST: "127.0.0.1",
    ADMIN_HOST: "127.0.0.1",
    AUTH_MODE: "open",
    LOG_FORMAT: "json",
    KAFKA_BROKERS: brokers.map((port) => `127.0.0.1:${port}`).join(","),
    SCHEMA_REGISTRY_URL: through("registry", backingServices.of("registry").address),
    REDIS_URL: through("redis", backingServices.of("redis").address),
    DATABASE_URL: through("postgres", backingServices.databaseUrl),
  };
}

function portsOf(ports: readonly number[]): Record<InstanceName, number> {
  const entries = INSTANCES.map((name, at) => [name, ports[at] ?? 0]);
  return Object.fromEntries(entries) as Record<InstanceName, number>;
}
