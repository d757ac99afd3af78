import type { Cluster } from "@fiberstream/client";
import type { Environment } from "../platform/run-program.ts";

/** Returns the settings of an account in the form of the typed client. */
export function teamCluster(settings: Environment): Cluster {
  const given = (name: string): string => settings[name] ?? "";
  const [username = "", password = ""] = given("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO").split(":");
  return {
    brokers: given("KAFKA_BROKERS").split(","),
    schemaRegistryUrl: given("SCHEMA_REGISTRY_URL"),
    namespace: given("NAMESPACE"),
    tls: {
      caFile: given("KAFKA_SSL_CA_LOCATION"),
      certificateFile: given("KAFKA_SSL_CERTIFICATE_LOCATION"),
      keyFile: given("KAFKA_SSL_KEY_LOCATION"),
    },
    registry: {
      caFile: given("SCHEMA_REGISTRY_SSL_CA_LOCATION"),
      user: { username, password },
    },
  };
}
