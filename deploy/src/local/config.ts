import { fileURLToPath } from "node:url";
import { readConfig } from "@fiberstream/runtime/config";
import { type ConfigOf, portNumber, setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

const port = (variable: string, standard: number, meaning: string) =>
  setting(variable, portNumber().default(standard), meaning);
const address = (variable: string, meaning: string) =>
  setting(variable, z.string().optional(), `${meaning}; when set, it is used and none is started`);

/** The settings of the local start. Everything listens on 127.0.0.1. */
export const localSettings = () => ({
  gatewayPort: port("PORT", 8000, "the gateway's public port"),
  gatewayAdminPort: port("GATEWAY_ADMIN_PORT", 8010, "the gateway's port for operators"),
  processorAdminPort: port("PROCESSOR_ADMIN_PORT", 8020, "the processor's port for operators"),
  sinkAdminPort: port("SINK_ADMIN_PORT", 8030, "the sink's port for operators"),
  kafkaPort: port("KAFKA_PORT", 9092, "Kafka's port"),
  kafkaControllerPort: port("KAFKA_CONTROLLER_PORT", 9093, "port of Kafka's controller"),
  registryPort: port("REGISTRY_PORT", 8081, "the schema registry's port"),
  registryManagementPort: port("REGISTRY_MANAGEMENT_PORT", 8991, "the registry's management port"),
  redisPort: port("REDIS_PORT", 6379, "Redis's port"),
  postgresPort: port("POSTGRES_PORT", 5432, "PostgreSQL's port"),
  prometheusPort: port("PROMETHEUS_PORT", 9090, "Prometheus's port"),
  tracesPort: port("TRACES_PORT", 4318, "where start --trace takes and shows traces"),
  kafkaBrokers: address("KAFKA_BROKERS", "addresses of a Kafka that runs already"),
  schemaRegistryUrl: address("SCHEMA_REGISTRY_URL", "address of a registry that runs already"),
  redisUrl: address("REDIS_URL", "address of a Redis that runs already"),
  databaseUrl: address("DATABASE_URL", "address of a TimescaleDB database that runs already"),
  prometheusUrl: address("PROMETHEUS_URL", "address of a Prometheus that runs already"),
  namespace: setting("NAMESPACE", z.string().default(""), "prefix of topics, groups and keys"),
  stateDir: setting(
    "FIBERSTREAM_STATE_DIR",
    z.string().default(fileURLToPath(new URL("../../../.fiberstream", import.meta.url))),
    "folder of the data, the logs and what runs",
  ),
});

export type LocalConfig = ConfigOf<ReturnType<typeof localSettings>>;

/** @throws {ConfigError} */
export const readLocalConfig = (): LocalConfig => readConfig(localSettings());

/** What child processes get, with settings on top. */
export const childEnvironment = (
  settings: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv => ({
  // The local start's default only; whoever sets it means it.
  AUTH_MODE: "open",
  ...process.env,
  ...settings,
});
