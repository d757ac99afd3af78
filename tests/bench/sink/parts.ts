import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@fiberstream/deploy/migrate";
import { startKafka } from "@fiberstream/deploy/native/kafka";
import type { Part } from "@fiberstream/deploy/native/part";
import { postgresUrl, startPostgres } from "@fiberstream/deploy/native/postgres";
import { registryUrl, startRegistry } from "@fiberstream/deploy/native/registry";
import { ensureTree } from "@fiberstream/deploy/native/tree";
import { deployTopics } from "@fiberstream/deploy/topics";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { freePorts } from "@fiberstream/testkit/free-ports";

export type BenchParts = {
  readonly root: string;
  readonly folder: string;
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  readonly postgres: Part;
  readonly stop: () => Promise<void>;
};

const DATABASE = "bench";

/** Kafka, registry and PostgreSQL of the run's own, migrated and with topics; data is deleted in the end. */
export async function startBenchParts(onProgress: (doing: string) => void): Promise<BenchParts> {
  const life = createLife();
  const root = await ensureTree(onProgress);
  const folder = life.own(await mkdtemp(join(tmpdir(), "fiberstream-bench-")), (owned) =>
    rm(owned, { recursive: true, force: true }),
  );
  const [kafkaPort = 0, controllerPort = 0, registryPort = 0, managementPort = 0, port = 0] =
    await freePorts(5);
  const place = (name: string, at: number) => ({
    root,
    port: at,
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
  });
  onProgress("starting Kafka, the registry and PostgreSQL");
  const own = (part: Part) => life.own(part, (owned) => owned.kill());
  const [postgres] = await Promise.all([
    startPostgres({ ...place("postgres", port), databases: [DATABASE] }).then(own),
    startKafka({ ...place("kafka", kafkaPort), controllerPort }).then(own),
    startRegistry({
      ...place("registry", registryPort),
      managementPort,
      storage: { kind: "file" },
    }).then(own),
  ]);
  const parts = {
    root,
    folder,
    kafkaBrokers: `localhost:${kafkaPort}`,
    schemaRegistryUrl: registryUrl(registryPort),
    databaseUrl: postgresUrl(port, DATABASE),
    postgres,
    stop: life.stop,
  };
  const { databaseUrl, schemaRegistryUrl } = parts;
  await migrate({ databaseUrl, print: () => undefined });
  await deployTopics({
    brokers: [parts.kafkaBrokers],
    schemaRegistryUrl,
    namespace: "",
    log: createLog({ service: "bench", level: "silent", format: "json" }),
    print: () => undefined,
  });
  return parts;
}
