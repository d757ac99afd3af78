import { requireFreePort } from "../port-owner.ts";
import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "../backing-service.ts";

/** Where the registry stores schemas and their ids, which have to survive a restart. */
export type RegistryStorage =
  | { readonly kind: "postgres"; readonly port: number; readonly database: string }
  /** A file, if the database is not ours. */
  | { readonly kind: "file" };

/** Returns the address of the registry's Confluent-compatible API. */
export const registryUrl = (port: number) => `http://localhost:${port}/apis/ccompat/v7`;

/** Starts Apicurio Registry 3. */
export async function startRegistry(
  options: BackingServiceOptions & {
    managementPort: number;
    storage: RegistryStorage;
    /** Properties of the registry that replace the default ones. */
    properties?: Readonly<Record<string, string>>;
  },
): Promise<BackingService> {
  const { port, managementPort, storage } = options;
  await requireFreePort({ number: managementPort, setting: "REGISTRY_MANAGEMENT_PORT" });
  const properties = {
    "quarkus.http.host": "127.0.0.1",
    "quarkus.http.port": port,
    "quarkus.management.host": "127.0.0.1",
    "quarkus.management.port": managementPort,
    "quarkus.log.level": "WARN",
    "apicurio.rules.global.compatibility": "FULL_TRANSITIVE",
    ...storageProperties(storage),
    ...options.properties,
  };
  return startBackingService({
    name: "Schema registry",
    portSetting: "REGISTRY_PORT",
    options,
    sandboxed: {
      user: "registry",
      command: [
        "java",
        "-Xmx384m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
        "-jar",
        "/opt/apicurio/quarkus-run.jar",
      ],
    },
    stopSignal: "SIGTERM",
    isReady: async () => {
      const answer = await fetch(`http://127.0.0.1:${managementPort}/health/ready`);
      await answer.arrayBuffer();
      return answer.ok;
    },
  });
}

function storageProperties(storage: RegistryStorage): Record<string, string> {
  const { url, kind, ...account } =
    storage.kind === "postgres"
      ? {
          kind: "postgresql",
          url: `jdbc:postgresql://127.0.0.1:${storage.port}/${storage.database}`,
          username: "postgres",
          password: "postgres",
        }
      : { kind: "h2", url: "jdbc:h2:file:/data/registry", username: "sa", password: "sa" };
  return {
    "apicurio.storage.kind": "sql",
    "apicurio.storage.sql.kind": kind,
    "apicurio.datasource.url": url,
    "apicurio.datasource.username": account.username,
    "apicurio.datasource.password": account.password,
  };
}
