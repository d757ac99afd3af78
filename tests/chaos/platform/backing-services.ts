import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { startTestPart } from "@fiberstream/testkit/start-test-backing-service";
import type { PartPlace, TestPart } from "@fiberstream/testkit/test-backing-service";
import type { BrokerName, PartName } from "./topology.ts";
import { mountVolume, type Volume } from "./volume.ts";

/** Kafka's brokers and the three other parts, each on a port and data of its own. */
export type Parts = {
  readonly of: (name: PartName) => TestPart;
  readonly portOf: (name: PartName) => number;
  /** Where its data and its log are. */
  readonly folderOf: (name: PartName) => string;
  /** The brokers' addresses. */
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  /** The database's, where it has one of its own. */
  readonly volume: Volume | undefined;
  readonly end: () => Promise<void>;
};

/**
 * @param options.brokers one, or several for a cluster
 * @param options.listenersOf a broker's further ways in, see `PartPlace`
 */
export async function startParts(options: {
  folder: string;
  brokers: readonly BrokerName[];
  listenersOf?: (broker: BrokerName) => NonNullable<PartPlace["listeners"]>;
  /** Whether the database gets a volume that can be filled. */
  ownVolume: boolean;
  onProgress: (doing: string) => void;
}): Promise<Parts> {
  const { brokers, onProgress } = options;
  const names: PartName[] = [...brokers, "registry", "redis", "postgres"];
  const ports = await freePorts(2 * names.length);
  const portOf = (name: PartName) => ports[2 * names.indexOf(name)] ?? 0;
  const innerPortOf = (name: PartName) => ports[2 * names.indexOf(name) + 1] ?? 0;
  const folderOf = (name: PartName) => {
    const folder = join(options.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const volume = options.ownVolume ? await mountVolume(folderOf("postgres")) : undefined;
  const controllerPorts = brokers.map(innerPortOf);
  const placeOf = (name: PartName): PartPlace => ({
    ports: { port: portOf(name), innerPort: innerPortOf(name) },
    folder: folderOf(name),
    onProgress,
  });
  const start = (name: PartName): Promise<TestPart> => {
    if (name === "registry" || name === "redis" || name === "postgres") {
      return startTestPart(name, placeOf(name));
    }
    return startTestPart("kafka", {
      ...placeOf(name),
      listeners: options.listenersOf?.(name) ?? [],
      ...(brokers.length > 1 && {
        cluster: { nodeId: brokers.indexOf(name) + 1, controllerPorts },
      }),
    });
  };
  const started = await Promise.all(names.map(start));
  const of = (name: PartName): TestPart => {
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
      await Promise.all(started.map((part) => part.kill()));
      await volume?.unmount();
    },
  };
}
