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

/** How a backing service is provided on this machine. */
export type BackingServicePlan = {
  readonly name: BackingServiceName;
  readonly title: string;
  readonly kind: Exclude<ProcessKind, "service">;
  /** In the form of the services' settings. */
  readonly address: string;
  /** Ports that have to be free, with the setting that changes each. */
  readonly ports: readonly { readonly number: number; readonly setting: string }[];
  /** @param root the native tree; only native backing services use it */
  readonly start: (root: string) => Promise<Started>;
};

/** Plans all backing services: one with a configured address is used as it is, the others are started as `startedAs` says. */
export function planBackingServices(
  config: LocalConfig,
  startedAs: "native" | "container",
): readonly BackingServicePlan[] {
  const optionsOf = (
    root: string,
    name: BackingServiceName,
    port: number,
  ): BackingServiceOptions => ({
    root,
    port,
    dataDir: join(stateFiles(config.stateDir).data, name),
    logFile: stateFiles(config.stateDir).log(name),
  });
  const hasOwnPostgres = config.databaseUrl === undefined;
  const plan = (backingService: {
    name: BackingServiceName;
    title: string;
    givenAddress: string | undefined;
    /** The environment variable of `givenAddress`. */
    setting: string;
    ownAddress: string;
    ports: BackingServicePlan["ports"];
    startNative: (root: string) => Promise<BackingService>;
    prepare?: () => void;
  }): BackingServicePlan => {
    const { name, title, givenAddress, setting, ownAddress, ports, startNative } = backingService;
    const { prepare = () => undefined } = backingService;
    if (givenAddress !== undefined) {
      const start = () => useExternal(title, givenAddress, setting);
      return { name, title, kind: "external", address: givenAddress, ports: [], start };
    }
    if (startedAs === "container") {
      // The engine handles the ports. A container that a killed start left behind may hold them, and is reused.
      const start = () => {
        prepare();
        return startContainer(name, composeSettings(config));
      };
      return { name, title, kind: startedAs, address: ownAddress, ports: [], start };
    }
    const start = async (root: string) => {
      prepare();
      return asStarted(await startNative(root));
    };
    return { name, title, kind: startedAs, address: ownAddress, ports, start };
  };
  return [
    plan({
      name: "redis",
      title: "Redis",
      givenAddress: config.redisUrl,
      setting: "REDIS_URL",
      ownAddress: `redis://localhost:${config.redisPort}`,
      ports: [{ number: config.redisPort, setting: "REDIS_PORT" }],
      startNative: (root) => startRedis(optionsOf(root, "redis", config.redisPort)),
    }),
    plan({
      name: "kafka",
      title: "Kafka",
      givenAddress: config.kafkaBrokers,
      setting: "KAFKA_BROKERS",
      ownAddress: `localhost:${config.kafkaPort}`,
      ports: [
        { number: config.kafkaPort, setting: "KAFKA_PORT" },
        { number: config.kafkaControllerPort, setting: "KAFKA_CONTROLLER_PORT" },
      ],
      startNative: (root) =>
        startKafka({
          ...optionsOf(root, "kafka", config.kafkaPort),
          controllerPort: config.kafkaControllerPort,
        }),
    }),
    plan({
      name: "postgres",
      title: "TimescaleDB",
      givenAddress: config.databaseUrl,
      setting: "DATABASE_URL",
      ownAddress: postgresUrl(config.postgresPort, "fiberstack"),
      ports: [{ number: config.postgresPort, setting: "POSTGRES_PORT" }],
      startNative: (root) =>
        startPostgres({
          ...optionsOf(root, "postgres", config.postgresPort),
          databases: ["registry"],
        }),
    }),
    plan({
      name: "registry",
      title: "Schema registry",
      givenAddress: config.schemaRegistryUrl,
      setting: "SCHEMA_REGISTRY_URL",
      ownAddress: registryUrl(config.registryPort),
      ports: [
        { number: config.registryPort, setting: "REGISTRY_PORT" },
        { number: config.registryManagementPort, setting: "REGISTRY_MANAGEMENT_PORT" },
      ],
      startNative: (root) =>
        startRegistry({
          ...optionsOf(root, "registry", config.registryPort),
          managementPort: config.registryManagementPort,
          storage: hasOwnPostgres
            ? { kind: "postgres", port: config.postgresPort, database: "registry" }
            : { kind: "file" },
        }),
    }),
    plan({
      name: "prometheus",
      title: "Prometheus",
      givenAddress: config.prometheusUrl,
      setting: "PROMETHEUS_URL",
      ownAddress: `http://localhost:${config.prometheusPort}`,
      ports: [{ number: config.prometheusPort, setting: "PROMETHEUS_PORT" }],
      prepare: () => writePrometheusFiles(prometheusFiles(config)),
      startNative: (root) => startPrometheus(optionsOf(root, "prometheus", config.prometheusPort)),
    }),
  ];
}

/** Prometheus scrapes the services at their admin ports. */
const prometheusFiles = (config: LocalConfig) => ({
  folder: join(stateFiles(config.stateDir).data, "prometheus"),
  targets: {
    "ingest-gateway": `127.0.0.1:${config.gatewayAdminPort}`,
    "stream-processor": `127.0.0.1:${config.processorAdminPort}`,
    "sink-writer": `127.0.0.1:${config.sinkAdminPort}`,
    console: `127.0.0.1:${config.consoleAdminPort}`,
    auditor: `127.0.0.1:${config.auditorAdminPort}`,
  },
});

const asStarted = ({ pid, ended, stop }: BackingService): Started => ({ pid, ended, stop });

/** Checks that a backing service of others answers. It is never restarted or stopped. */
async function useExternal(title: string, address: string, setting: string): Promise<Started> {
  for (const { host, port } of hostsOf(address)) {
    if (await answers(host, port)) {
      return { ended: new Promise<string>(() => undefined), stop: () => Promise.resolve() };
    }
  }
  const where = hostsOf(address).map(({ host, port }) => `${host}:${port}`);
  throw new NativeError(
    `${title}: nothing answers at ${where.join(", ")}. Start it, or unset ${setting}: then npm start starts one`,
  );
}
