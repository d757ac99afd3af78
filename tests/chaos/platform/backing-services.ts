import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { startTestBackingService } from "@fiberstream/testkit/start-test-backing-service";
import type {
  TestBackingServiceOptions,
  TestBackingService,
} from "@fiberstream/testkit/test-backing-service";
import type { BrokerName, BackingServiceName } from "./topology.ts";
import { mountVolume, type Volume } from "./volume.ts";

/** Kafka's brokers and the three other backing services, each with its own port and data. */
export type BackingServices = {
  readonly of: (name: BackingServiceName) => TestBackingService;
  readonly portOf: (name: BackingServiceName) => number;
  /** Returns the folder of its data and log. */
  readonly folderOf: (name: BackingServiceName) => string;
  /** Addresses of the brokers. */
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  /** Volume of the database, if it has its own. */
  readonly volume: Volume | undefined;
  readonly end: () => Promise<void>;
};

/**
 * @param options.brokers one, or several for a cluster
 * @param options.listenersOf additional listeners of a broker, see `TestBackingServiceOptions`
 */
export async function startBackingServices(options: {
  folder: string;
  brokers: readonly BrokerName[];
  listenersOf?: (broker: BrokerName) => NonNullable<TestBackingServiceOptions["listeners"]>;
  /** Whether the database gets its own volume, which can be filled. */
  ownVolume: boolean;
  onProgress: (progress: string) => void;
}): Promise<BackingServices> {
  const { brokers, onProgress } = options;
  const names: BackingServiceName[] = [...brokers, "registry", "redis", "postgres"];
  const ports = await freePorts(2 * names.length);
  const portOf = (name: BackingServiceName) => ports[2 * names.indexOf(name)] ?? 0;
  const innerPortOf = (name: BackingServiceName) => ports[2 * names.indexOf(name) + 1] ?? 0;
  const folderOf = (name: BackingServiceName) => {
    const folder = join(options.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const volume = options.ownVolume ? await mountVolume(folderOf("postgres")) : undefined;
  const controllerPorts = brokers.map(innerPortOf);
  const optionsOf = (name: BackingServiceName): TestBackingServiceOptions => ({
    ports: { port: portOf(name), innerPort: innerPortOf(name) },
    folder: folderOf(name),
    onProgress,
  });
  const start = (name: BackingServiceName): Promise<TestBackingService> => {
    if (name === "registry" || name === "redis" || name === "postgres") {
      return startTestBackingService(name, optionsOf(name));
    }
    return startTestBackingService("kafka", {
      ...optionsOf(name),
      listeners: options.listenersOf?.(name) ?? [],
      ...(brokers.length > 1 && {
        cluster: { nodeId: brokers.indexOf(name) + 1, controllerPorts },
      }),
    });
  };
  const started = await Promise.all(names.map(start));
  const of = (name: BackingServiceName): TestBackingService => {
    const found = started[names.indexOf(name)];
    if (found === undefined) throw new RangeError(`there is no ${name}`);
    return found;
  };
  return {
    of,
    portOf,
    folderOf,
    brokers: brokers.map((broker) => of(broker).address),
    databaseUrl: Object.assign(new URL(of("postgres").address), { pathname: "/fiberstack" }).href,
    volume,
    end: async () => {
      await Promise.all(started.map((backingService) => backingService.kill()));
      await volume?.unmount();
    },
  };
}
