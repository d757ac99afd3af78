import type { Environment } from "../platform/run-program.ts";
import { SECRETS, type SecuredBackingServices } from "./secured-backing-services.ts";

export type Who =
  | "admin"
  | "ingest-gateway"
  | "stream-processor"
  | "sink-writer"
  | "console"
  | "auditor"
  | "operator"
  | "data-team";

/** Returns the settings of all services and users, each with its own account and kind of authentication. */
export function securedSettings(
  backingServices: SecuredBackingServices,
  namespace: string,
): Readonly<Record<Who, Environment>> {
  const { authority } = backingServices;
  const registry: Environment = {
    NAMESPACE: namespace,
    SCHEMA_REGISTRY_URL: backingServices.registryUrl,
    SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: `fiberstream:${SECRETS.registry}`,
    SCHEMA_REGISTRY_SSL_CA_LOCATION: authority.caFile,
    KAFKA_SSL_CA_LOCATION: authority.caFile,
  };
  const scram = (user: string, password: string): Environment => ({
    ...registry,
    KAFKA_BROKERS: backingServices.kafkaSasl,
    KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
    KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD: password,
  });
  const mutual = (name: string): Environment => {
    const { certificateFile, keyFile } = authority.issue(name);
    return {
      ...registry,
      KAFKA_BROKERS: backingServices.kafkaMutual,
      KAFKA_SECURITY_PROTOCOL: "SSL",
      KAFKA_SSL_CERTIFICATE_LOCATION: certificateFile,
      KAFKA_SSL_KEY_LOCATION: keyFile,
    };
  };
  const redis = (user: "ingest-gateway" | "stream-processor"): Environment => {
    const { certificateFile, keyFile } = authority.issue(`redis-${user}`);
    return {
      REDIS_URL: backingServices.redisUrl(user),
      REDIS_TLS_CA_CERT_FILE: authority.caFile,
      REDIS_TLS_CERT_FILE: certificateFile,
      REDIS_TLS_KEY_FILE: keyFile,
    };
  };
  const database = (user: string): Environment => ({
    DATABASE_URL: backingServices.databaseUrl(user, "fiberstack"),
  });
  return {
    admin: { ...scram("admin", SECRETS.admin), ...database("postgres:postgres") },
    "ingest-gateway": {
      ...scram("ingest-gateway", SECRETS.gateway),
      ...redis("ingest-gateway"),
      ...database(`fiberstream_gateway:${SECRETS.databaseGateway}`),
      AUTH_MODE: "keys",
    },
    "stream-processor": {
      ...registry,
      KAFKA_BROKERS: backingServices.kafkaSasl,
      KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
      KAFKA_SASL_MECHANISM: "OAUTHBEARER",
      KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: backingServices.tokens.tokenUrl,
      KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "stream-processor",
      KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: SECRETS.processorClient,
      ...redis("stream-processor"),
      ...database(`fiberstream_processor:${SECRETS.databaseProcessor}`),
    },
    "sink-writer": {
      ...mutual("sink-writer"),
      ...database(`fiberstream_sink:${SECRETS.databaseSink}`),
    },
    console: {
      ...mutual("console"),
      ...database(`fiberstream_console:${SECRETS.databaseConsole}`),
      AUTH_MODE: "keys",
    },
    auditor: {
      ...mutual("auditor"),
      ...database(`fiberstream_auditor:${SECRETS.databaseAuditor}`),
    },
    operator: mutual("operator"),
    "data-team": mutual("data-team"),
  };
}
