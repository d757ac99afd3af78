import { join } from "node:path";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { readConfig } from "@fiberstream/runtime/config";
import { type ConfigOf, portNumber, setting } from "@fiberstream/runtime/settings";
import { type ServiceName, SERVICES } from "@fiberstream/runtime/services";
import { topicsSettings } from "@fiberstream/provisioning/topics-settings";
import { z } from "zod";
import { stateFiles } from "./supervision/state-files.ts";

const port = (variable: string, standard: number, meaning: string) =>
  setting(variable, portNumber().default(standard), meaning);
const adminPort = (variable: string, name: ServiceName, meaning: string) =>
  port(variable, SERVICES[name].adminPort, meaning);
const address = (variable: string, meaning: string) =>
  setting(
    variable,
    z.string().optional(),
    `${meaning}; if set, it is used instead of starting one`,
  );

/** The settings of the local start. Everything listens on 127.0.0.1. */
export const localSettings = () => ({
  gatewayPort: port("PORT", 8000, "the gateway's public port"),
  gatewayAdminPort: adminPort("GATEWAY_ADMIN_PORT", "ingest-gateway", "the gateway's admin port"),
  processorAdminPort: adminPort(
    "PROCESSOR_ADMIN_PORT",
    "stream-processor",
    "the processor's admin port",
  ),
  sinkAdminPort: adminPort("SINK_ADMIN_PORT", "sink-writer", "the sink's admin port"),
  consolePort: port("CONSOLE_PORT", 4000, "the console's public port"),
  consoleAdminPort: adminPort("CONSOLE_ADMIN_PORT", "console", "the console's admin port"),
  auditorAdminPort: adminPort("AUDITOR_ADMIN_PORT", "auditor", "the auditor's admin port"),
  kafkaPort: port("KAFKA_PORT", 9092, "Kafka's port"),
  kafkaControllerPort: port("KAFKA_CONTROLLER_PORT", 9093, "port of Kafka's controller"),
  registryPort: port("REGISTRY_PORT", 8081, "the schema registry's port"),
  registryManagementPort: port("REGISTRY_MANAGEMENT_PORT", 8991, "the registry's management port"),
  redisPort: port("REDIS_PORT", 6379, "Redis's port"),
  postgresPort: port("POSTGRES_PORT", 5432, "PostgreSQL's port"),
  prometheusPort: port("PROMETHEUS_PORT", 9090, "Prometheus's port"),
  identityProviderPort: port(
    "IDENTITY_PROVIDER_PORT",
    4010,
    "port of the identity provider of start --sso",
  ),
  tracesPort: port("TRACES_PORT", 4318, "port on which start --trace receives traces"),
  kafkaBrokers: address("KAFKA_BROKERS", "addresses of a Kafka that is already running"),
  schemaRegistryUrl: address(
    "SCHEMA_REGISTRY_URL",
    "address of a schema registry that is already running",
  ),
  redisUrl: address("REDIS_URL", "address of a Redis that is already running"),
  databaseUrl: address("DATABASE_URL", "address of a TimescaleDB database that is already running"),
  prometheusUrl: address("PROMETHEUS_URL", "address of a Prometheus that is already running"),
  namespace: setting("NAMESPACE", z.string().default(""), "prefix of topics, groups and keys"),
  beginsAgain: topicsSettings().beginsAgain,
  stateDir: setting(
    "FIBERSTREAM_STATE_DIR",
    z.string().default(inClone(".fiberstream")),
    "folder of the data, the logs and the state of this start",
  ),
});

export type LocalConfig = ConfigOf<ReturnType<typeof localSettings>>;

/** @throws {ConfigError} */
export const readLocalConfig = (): LocalConfig => readConfig(localSettings());

/** Returns the variables of the Compose file that make it use the same ports as this start. */
export const composeSettings = (config: LocalConfig) => ({
  KAFKA_PORT: String(config.kafkaPort),
  REGISTRY_PORT: String(config.registryPort),
  REDIS_PORT: String(config.redisPort),
  POSTGRES_PORT: String(config.postgresPort),
  PROMETHEUS_PORT: String(config.prometheusPort),
  PROMETHEUS_FILES: join(stateFiles(config.stateDir).data, "prometheus"),
});
