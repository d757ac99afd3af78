import { join } from "node:path";
import type { LocalConfig } from "./config.ts";
import type { BackingServicePlan } from "./backing-services.ts";
import type { Started } from "@fiberstream/local-stack/backing-services";
import { startService } from "@fiberstream/local-stack/start-service";
import type { ServiceName } from "@fiberstream/runtime/services";
import { stateFiles } from "./supervision/state-files.ts";

export type ServicePlan = {
  readonly name: ServiceName;
  readonly kind: "service";
  /** The public address of the gateway and the console; of the other services the admin address. */
  readonly address: string;
  readonly adminUrl: string;
  readonly ports: readonly { readonly number: number; readonly setting: string }[];
  readonly start: () => Promise<Started>;
};

/** Returns the addresses of the backing services as environment variables of the services. */
export function addressSettings(backingServices: readonly BackingServicePlan[]) {
  const addressOf = (name: BackingServicePlan["name"]) =>
    backingServices.find((backingService) => backingService.name === name)?.address ?? "";
  return {
    KAFKA_BROKERS: addressOf("kafka"),
    SCHEMA_REGISTRY_URL: addressOf("registry"),
    REDIS_URL: addressOf("redis"),
    DATABASE_URL: addressOf("postgres"),
  };
}

/**
 * Plans the services as child processes, in the order in which an event passes them.
 *
 * @param onLine gets each line that a service logs
 * @param consoleSettings further settings of the console
 * @param tracesUrl where the services export all traces; undefined: as the environment says
 */
export function planServices(
  config: LocalConfig,
  backingServices: readonly BackingServicePlan[],
  onLine: (service: ServiceName, line: string) => void,
  tracesUrl: string | undefined,
  consoleSettings: Readonly<Record<string, string>>,
): readonly ServicePlan[] {
  const plan = (
    name: ServiceName,
    adminPort: { number: number; setting: string },
    publicPort?: { number: number; setting: string },
    ownSettings: Readonly<Record<string, string>> = {},
  ): ServicePlan => {
    const adminUrl = `http://127.0.0.1:${adminPort.number}`;
    return {
      name,
      kind: "service",
      address: publicPort ? `http://127.0.0.1:${publicPort.number}` : adminUrl,
      adminUrl,
      ports: publicPort ? [publicPort, adminPort] : [adminPort],
      start: () =>
        startService({
          name,
          adminUrl,
          settings: {
            ...addressSettings(backingServices),
            HOST: "127.0.0.1",
            ADMIN_HOST: "127.0.0.1",
            ADMIN_PORT: String(adminPort.number),
            LOG_FORMAT: "json",
            ...(tracesUrl !== undefined && tracingSettings(tracesUrl)),
            ...(publicPort && { PORT: String(publicPort.number) }),
            ...ownSettings,
          },
          logFile: stateFiles(config.stateDir).log(name),
          onLine: (line) => onLine(name, line),
        }),
    };
  };
  return [
    plan(
      "ingest-gateway",
      { number: config.gatewayAdminPort, setting: "GATEWAY_ADMIN_PORT" },
      { number: config.gatewayPort, setting: "PORT" },
      { QUERY_URL: `http://127.0.0.1:${config.consolePort}` },
    ),
    plan("stream-processor", {
      number: config.processorAdminPort,
      setting: "PROCESSOR_ADMIN_PORT",
    }),
    plan("sink-writer", { number: config.sinkAdminPort, setting: "SINK_ADMIN_PORT" }),
    plan(
      "console",
      { number: config.consoleAdminPort, setting: "CONSOLE_ADMIN_PORT" },
      { number: config.consolePort, setting: "CONSOLE_PORT" },
      consoleSettings,
    ),
    plan(
      "auditor",
      { number: config.auditorAdminPort, setting: "AUDITOR_ADMIN_PORT" },
      undefined,
      auditorSettings(join(stateFiles(config.stateDir).data, "auditor")),
    ),
  ];
}

/** The auditor creates its key at the first start. Without the folder, the checkpoints in Kafka have an unknown key. */
const auditorSettings = (folder: string) => ({
  AUDIT_SIGNING_KEY_FILE: join(folder, "signing-key.pem"),
  AUDIT_CREATES_KEY: "true",
  AUDIT_CHECKPOINT_FILE: join(folder, "checkpoints.jsonl"),
});

/** Traces every request, and exports within a second. */
const tracingSettings = (tracesUrl: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: tracesUrl,
  OTEL_TRACES_SAMPLER: "parentbased_always_on",
  OTEL_BSP_SCHEDULE_DELAY: "500",
});
