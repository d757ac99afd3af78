import { join } from "node:path";
import type { BackingServiceName, Started } from "@fiberstream/local-stack/backing-services";
import { NativeError } from "@fiberstream/local-stack/native/native-error";
import { startKafka } from "@fiberstream/local-stack/native/kafka";
import type {
  BackingService,
  BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { startPrometheus } from "@fiberstream/local-stack/native/prometheus";
import { startRedis } from "@fiberstream/local-stack/native/redis";
import { registryUrl, startRegistry } from "@fiberstream/local-stack/native/registry";
import { startContainer } from "@fiberstream/local-stack/compose";
import { composeSettings, type LocalConfig } from "./config.ts";
import { answers, hostsOf } from "@fiberstream/local-stack/hosts";
import type { ProcessKind } from "./supervision/supervised-process.ts";
import { writePrometheusFiles } from "@fiberstream/local-stack/prometheus-files";
import { stateFiles } from "./supervision/state-files.ts";

/** How each backing service is had on this machine. */
export type BackingServicePlan = {
  readonly name: BackingServiceName;
  readonly title: string;
  readonly kind: Exclude<ProcessKind, "service">;
  /** As the services' settings take it. */
  readonly address: string;
  /** Ports that have to be free, with the setting that moves each. */
  readonly ports: readonly { readonly number: number; readonly setting: string }[];
  /** @param root the native tree; only native backing services use it */
  readonly start: (root: string) => Promise<Started>;
};

/** What an address given by a setting takes the place of; the rest runs the way `ours` says. */
export function planBackingServices(
  config: LocalConfig,
  ours: "native" | "container",
): readonly BackingServicePlan[] {
  const place = (root: string, name: BackingServiceName, port: number): BackingServiceOptions => ({
    root,
    port,
    dataDir: join(stateFiles(config.stateDir).data, name),
    logFile: stateFiles(config.stateDir).log(name),
  });
  const hasOwnPostgres = config.databaseUrl === undefined;
  const plan = (backingService: {
    name: BackingServiceName;
    title: string;
    given: string | undefined;
    /** The variable that gives an address. */
    setting: string;
    ownAddress: string;
    ports: BackingServicePlan["ports"];
    startNative: (root: string) => Promise<BackingService>;
    prepare?: () => void;
  }): BackingServicePlan => {
    const { name, title, given, setting, ownAddress, ports, startNative } = backingService;
    const { prepare = () => undefined } = backingService;
    if (given !== undefined) {
      const start = () => useExternal(title, given, setting);
      return { name, title, kind: "external", address: given, ports: [], start };
    }
    if (ours === "container") {
      // Its ports are the engine's: a container left by a start that was killed holds them rightly.
      const start = () => {
        prepare();
        return startContainer(name, composeSettings(config));
      };
      return { name, title, kind: ours, address: ownAddress, ports: [], start };
    }
    const start = async (root: string) => {
      prepare();
      return asStarted(await startNative(root));
    };
    return { name, title, kind: ours, address: ownAddress, ports, start };
  };
  return [
    plan({
      name: "redis",
      title: "Redis",
      given: config.redisUrl,
      setting: "REDIS_URL",
      ownAddress: `redis://localhost:${config.redisPort}`,
      ports: [{ number: config.redisPort, setting: "REDIS_PORT" }],
      startNative: (root) => startRedis(place(root, "redis", config.redisPort)),
    }),
    plan({
      name: "kafka",
      title: "Kafka",
      given: config.kafkaBrokers,
      setting: "KAFKA_BROKERS",
      ownAddress: `localhost:${config.kafkaPort}`,
      ports: [
        { number: config.kafkaPort, setting: "KAFKA_PORT" },
        { number: config.kafkaControllerPort, setting: "KAFKA_CONTROLLER_PORT" },
      ],
      startNative: (root) =>
        startKafka({
          ...place(root, "kafka", config.kafkaPort),
          controllerPort: config.kafkaControllerPort,
        }),
    }),
    plan({
      name: "postgres",
      title: "TimescaleDB",
      given: config.databaseUrl,
      setting: "DATABASE_URL",
      ownAddress: postgresUrl(config.postgresPort, "fiberstack"),
      ports: [{ number: config.postgresPort, setting: "POSTGRES_PORT" }],
      startNative: (root) =>
        startPostgres({
          ...place(root, "postgres", config.postgresPort),
          databases: ["registry"],
        }),
    }),
    plan({
      name: "registry",
      title: "Schema registry",
      given: config.schemaRegistryUrl,
      setting: "SCHEMA_REGISTRY_URL",
      ownAddress: registryUrl(config.registryPort),
      ports: [
        { number: config.registryPort, setting: "REGISTRY_PORT" },
        { number: config.registryManagementPort, setting: "REGISTRY_MANAGEMENT_PORT" },
      ],
      startNative: (root) =>
        startRegistry({
          ...place(root, "registry", config.registryPort),
          managementPort: config.registryManagementPort,
          storage: hasOwnPostgres
            ? { kind: "postgres", port: config.postgresPort, database: "registry" }
            : { kind: "file" },
        }),
    }),
    plan({
      name: "prometheus",
      title: "Prometheus",
      given: config.prometheusUrl,
      setting: "PROMETHEUS_URL",
      ownAddress: `http://localhost:${config.prometheusPort}`,
      ports: [{ number: config.prometheusPort, setting: "PROMETHEUS_PORT" }],
      prepare: () => writePrometheusFiles(prometheusFiles(config)),
      startNative: (root) => startPrometheus(place(root, "prometheus", config.prometheusPort)),
    }),
  ];
}

/** Prometheus asks the services at their admin ports. */
const prometheusFiles = (config: LocalConfig) => ({
  folder: join(stateFiles(config.stateDir).data, "prometheus"),
  targets: {
    "ingest-gateway": `127.0.0.1:${config.gatewayAdminPort}`,
    "stream-processor": `127.0.0.1:${config.processorAdminPort}`,
    "sink-writer": `127.0.0.1:${config.sinkAdminPort}`,
  },
});

const asStarted = ({ pid, ended, stop }: BackingService): Started => ({ pid, ended, stop });

/** Somebody else's: it has to be there, and is neither restarted nor stopped. */
async function useExternal(title: string, address: string, setting: string): Promise<Started> {
  for (const { host, port } of hostsOf(address)) {
    if (await answers(host, port)) {
      return { ended: new Promise<string>(() => undefined), stop: () => Promise.resolve() };
    }
  }
  const where = hostsOf(address).map(({ host, port }) => `${host}:${port}`);
  throw new NativeError(
    `${title}: nothing answers at ${where.join(", ")}. Start it, or unset ${setting} to have one started`,
  );
}
