import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "@fiberstream/deploy/migrate";
import { deployTopics } from "@fiberstream/deploy/topics";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { freePorts } from "@fiberstream/testkit/free-ports";
import type { ServiceName } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { type InstanceName, INSTANCES, LINKS, serviceOf } from "./fault-kinds.ts";
import { linkOf, type Network, startNetwork } from "./network.ts";
import { type Parts, startParts } from "./parts.ts";
import { createServiceProcess, type ServiceProcess, type UnplannedEnd } from "./service-process.ts";

/** Everything that runs: parts, links and services, ready. */
export type Platform = {
  readonly parts: Parts;
  readonly network: Network;
  readonly service: (name: InstanceName) => ServiceProcess;
  /** Ends of services that no fault had asked for, so far. */
  readonly unplannedEnds: readonly UnplannedEnd[];
};

const SERVICES: Record<ReturnType<typeof serviceOf>, ServiceName> = {
  gateway: "ingest-gateway",
  processor: "stream-processor",
  sink: "sink-writer",
};

/** @param options.folder for data and logs, absolute */
export async function startPlatform(options: {
  folder: string;
  /** Whether the database gets a volume that can be filled. */
  ownVolume: boolean;
  life: Life;
  onProgress: (doing: string) => void;
}): Promise<Platform> {
  const { folder, life, onProgress } = options;
  const ports = await freePorts(8 + INSTANCES.length * 3 + LINKS.length);
  const take = (count: number) => ports.splice(0, count);
  const partPorts = take(8);
  const kafkaPorts = portsOf(take(INSTANCES.length));
  const publicPorts = portsOf(take(INSTANCES.length));
  const adminPorts = portsOf(take(INSTANCES.length));
  const linkPorts = take(LINKS.length);

  onProgress("starting Kafka, the registry, Redis and PostgreSQL");
  const parts = life.own(
    await startParts({
      folder,
      ports: partPorts,
      // A way in of its own for each instance: Kafka tells clients where to come back to.
      listeners: INSTANCES.map((instance) => ({
        port: kafkaPorts[instance],
        advertisedPort: linkPorts[LINKS.indexOf(linkOf(instance, "kafka"))] ?? 0,
      })),
      ownVolume: options.ownVolume,
      onProgress,
    }),
    (owned) => owned.end(),
  );
  await deployTopics({
    brokers: [parts.of("kafka").address],
    schemaRegistryUrl: parts.of("registry").address,
    namespace: "",
    log: createLog({ service: "chaos", level: "silent", format: "json" }),
    print: () => undefined,
  });
  await migrate({ databaseUrl: parts.databaseUrl, print: () => undefined });

  const network = life.own(
    await startNetwork({
      ports: linkPorts,
      targetOf: (link) => {
        const [from = "", to = ""] = link.split(">");
        if (from === "senders") return publicPorts[to as InstanceName];
        if (to === "kafka") return kafkaPorts[from as InstanceName];
        return parts.portOf(to as Parameters<Parts["portOf"]>[0]);
      },
    }),
    (owned) => owned.close(),
  );

  onProgress("starting two gateways, two processors and two sinks");
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
      environment: {
        ...environmentOf(name, parts, network),
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
    parts,
    network,
    unplannedEnds,
    service: (name) => {
      const found = services.get(name);
      if (found === undefined) throw new RangeError(`there is no ${name}`);
      return found;
    },
  };
}

/** Everything by way of the instance's own links. */
function environmentOf(name: InstanceName, parts: Parts, network: Network): Record<string, string> {
  const through = (part: "registry" | "redis" | "postgres", address: string) => {
    const url = new URL(address);
    const link = linkOf(name, part);
    if (LINKS.includes(link)) url.port = String(network.portOf(link));
    url.hostname = "127.0.0.1";
    return url.href;
  };
  return {
    HOST: "127.0.0.1",
    ADMIN_HOST: "127.0.0.1",
    AUTH_MODE: "open",
    LOG_FORMAT: "json",
    KAFKA_BROKERS: `127.0.0.1:${network.portOf(linkOf(name, "kafka"))}`,
    SCHEMA_REGISTRY_URL: through("registry", parts.of("registry").address),
    REDIS_URL: through("redis", parts.of("redis").address),
    DATABASE_URL: through("postgres", parts.databaseUrl),
  };
}

function portsOf(ports: readonly number[]): Record<InstanceName, number> {
  const entries = INSTANCES.map((name, at) => [name, ports[at] ?? 0]);
  return Object.fromEntries(entries) as Record<InstanceName, number>;
}
