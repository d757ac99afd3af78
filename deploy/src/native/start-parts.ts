import { join } from "node:path";
import { startKafka } from "./kafka.ts";
import type { Part } from "./part.ts";
import { type Durability, postgresUrl, startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import { registryUrl, startRegistry } from "./registry.ts";
import { ensureTree } from "./tree.ts";

export type PartPorts = {
  readonly kafka: number;
  readonly kafkaController: number;
  readonly registry: number;
  readonly registryManagement: number;
  readonly redis: number;
  readonly postgres: number;
};

/** Addresses as the services' settings take them. */
export type Addresses = {
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
};

export type RunningParts = {
  readonly addresses: Addresses;
  readonly parts: readonly Part[];
  readonly stop: () => Promise<void>;
};

export const addressesOf = (ports: PartPorts): Addresses => ({
  kafkaBrokers: `localhost:${ports.kafka}`,
  schemaRegistryUrl: registryUrl(ports.registry),
  redisUrl: `redis://localhost:${ports.redis}`,
  databaseUrl: postgresUrl(ports.postgres, "fiberstack"),
});

/**
 * Starts all four parts, the independent ones at the same time.
 *
 * @param options.dataDir absolute; each part has a folder in it
 * @throws {NativeError} what failed; whatever had been started is stopped again
 */
export async function startParts(options: {
  ports: PartPorts;
  dataDir: string;
  logDir: string;
  durability?: Durability;
  onProgress: (doing: string) => void;
}): Promise<RunningParts> {
  const { ports, dataDir, logDir, durability = "durable", onProgress } = options;
  const root = await ensureTree(onProgress);
  const place = (name: string, port: number) => ({
    root,
    port,
    dataDir: join(dataDir, name),
    logFile: join(logDir, `${name}.log`),
  });
  const started: Part[] = [];
  const keep = async (starting: Promise<Part>) => {
    const part = await starting;
    started.push(part);
    onProgress(`${part.name} is up`);
  };
  const stop = async () => {
    // The registry's connections go before its database does.
    for (const part of started.splice(0).toReversed()) await part.stop();
  };
  const databases = ["fiberstack", "registry"];
  const results = await Promise.allSettled([
    keep(startRedis(place("redis", ports.redis))),
    keep(startKafka({ ...place("kafka", ports.kafka), controllerPort: ports.kafkaController })),
    keep(startPostgres({ ...place("postgres", ports.postgres), databases, durability })).then(() =>
      keep(
        startRegistry({
          ...place("registry", ports.registry),
          managementPort: ports.registryManagement,
          storage: { kind: "postgres", port: ports.postgres, database: "registry" },
        }),
      ),
    ),
  ]);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { addresses: addressesOf(ports), parts: started, stop };
}
