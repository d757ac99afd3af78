import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "@fiberstream/local-stack/native/kafka";
import type { BackingService } from "@fiberstream/local-stack/native/backing-service";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { startRedis } from "@fiberstream/local-stack/native/redis";
import { registryUrl, startRegistry } from "@fiberstream/local-stack/native/registry";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import type { Life } from "@fiberstream/runtime/life";
import { freePorts } from "@fiberstream/testkit/free-ports";

/** Kafka, registry, Redis and PostgreSQL of one run, as processes on this machine. */
export type BenchBackingServices = {
  readonly root: string;
  /** Folder of data and logs; deleted at the end. */
  readonly folder: string;
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly kafka: BackingService;
  readonly registry: BackingService;
  readonly redis: BackingService;
  readonly postgres: BackingService;
};

/** The database of a benchmark. */
export const BENCH_DATABASE = "bench";

/**
 * Starts the backing services like `npm start` without Docker; PostgreSQL with fsync. Needs root on Linux.
 * @param options.postgresDir PostgreSQL's data, which is not deleted (absolute path); default: a new one
 */
export async function startBenchBackingServices(
  life: Life,
  onProgress: (progress: string) => void,
  options: { postgresDir?: string } = {},
): Promise<BenchBackingServices> {
  const root = await ensureTree(onProgress);
  const folder = life.own(await mkdtemp(join(tmpdir(), "fiberstream-bench-")), (owned) =>
    rm(owned, { recursive: true, force: true }),
  );
  const ports = await freePorts(6);
  const [kafkaPort = 0, controllerPort = 0, registryPort = 0, managementPort = 0] = ports;
  const [redisPort = 0, postgresPort = 0] = ports.slice(4);
  const optionsOf = (name: string, port: number) => ({
    root,
    port,
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
  });
  onProgress("starting Kafka, the registry, Redis and PostgreSQL");
  const own = (backingService: BackingService) => life.own(backingService, (owned) => owned.kill());
  const [kafka, registry, redis, postgres] = await Promise.all([
    startKafka({ ...optionsOf("kafka", kafkaPort), controllerPort }).then(own),
    startRegistry({
      ...optionsOf("registry", registryPort),
      managementPort,
      storage: { kind: "file" },
    }).then(own),
    startRedis(optionsOf("redis", redisPort)).then(own),
    startPostgres({
      ...optionsOf("postgres", postgresPort),
      ...(options.postgresDir !== undefined && { dataDir: options.postgresDir }),
      databases: [BENCH_DATABASE],
    }).then((started) =>
      life.own(started, (owned) =>
        options.postgresDir === undefined ? owned.kill() : owned.stop(),
      ),
    ),
  ]);
  return {
    root,
    folder,
    kafkaBrokers: `localhost:${kafkaPort}`,
    schemaRegistryUrl: registryUrl(registryPort),
    redisUrl: `redis://localhost:${redisPort}`,
    databaseUrl: postgresUrl(postgresPort, BENCH_DATABASE),
    kafka,
    registry,
    redis,
    postgres,
  };
}
