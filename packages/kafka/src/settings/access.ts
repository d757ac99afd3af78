import { ConfigError, type ConfigOf } from "@fiberstream/runtime/settings";
import { fileProblem, type TlsFiles } from "@fiberstream/runtime/tls-files";
import type { SASLOptions } from "kafkajs";
import type { Codec } from "../protocol/batch-compression.ts";
import { createTokenSource } from "./oauth-tokens.ts";
import type { kafkaSettings } from "./settings.ts";

/** How a Kafka client protects its connections and authenticates. */
export type KafkaSecurity = {
  readonly tls?: TlsFiles;
  readonly sasl?: SASLOptions;
};

export type RegistrySecurity = {
  readonly caFile?: string | undefined;
  readonly user?: { readonly username: string; readonly password: string };
};

type Config = ConfigOf<ReturnType<typeof kafkaSettings>>;

/**
 * Kafka's address and credentials from the settings.
 * @throws {ConfigError} with all settings that contradict each other, and files that cannot be read
 */
export function kafkaAccess(config: Config): {
  brokers: readonly string[];
  compression: Codec;
  security: KafkaSecurity;
} {
  const problems = kafkaProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  const sasl = saslOf(config);
  return {
    brokers: config.kafkaBrokers,
    compression: config.kafkaCompression,
    security: {
      ...(isEncrypted(config) && {
        tls: {
          caFile: config.kafkaCaFile,
          certificateFile: config.kafkaCertificateFile,
          keyFile: config.kafkaKeyFile,
          keyPassword: config.kafkaKeyPassword,
        },
      }),
      ...(sasl !== undefined && { sasl }),
    },
  };
}

/**
 * The schema registry's address and credentials from the settings.
 * @throws {ConfigError}
 */
export function registryAccess(config: Config): { url: string; security: RegistrySecurity } {
  const { schemaRegistryUrl: url, schemaRegistryCaFile: caFile } = config;
  const { protocol, username, password } = new URL(url);
  const problems = [
    username || password
      ? "SCHEMA_REGISTRY_URL: must not have user and password, because URLs are logged; set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"
      : undefined,
    caFile !== undefined && protocol !== "https:"
      ? "SCHEMA_REGISTRY_SSL_CA_LOCATION: is set, but SCHEMA_REGISTRY_URL is not an https address"
      : fileProblem("SCHEMA_REGISTRY_SSL_CA_LOCATION", caFile),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new ConfigError(problems);
  const [user = "", ...rest] = (config.schemaRegistryUserInfo ?? "").split(":");
  return {
    url,
    security: {
      caFile,
      ...(user !== "" && { user: { username: user, password: rest.join(":") } }),
    },
  };
}

const isEncrypted = ({ kafkaProtocol }: Config) => kafkaProtocol.endsWith("SSL");
const hasSasl = ({ kafkaProtocol }: Config) => kafkaProtocol.startsWith("SASL");

function saslOf(config: Config): SASLOptions | undefined {
  const mechanism = config.kafkaMechanism;
  if (mechanism === undefined) return undefined;
  if (mechanism === "OAUTHBEARER") {
    const oauthBearerProvider = createTokenSource({
      tokenUrl: config.kafkaTokenUrl ?? "",
      clientId: config.kafkaClientId ?? "",
      clientSecret: config.kafkaClientSecret ?? "",
      scope: config.kafkaTokenScope,
    });
    return { mechanism: "oauthbearer", oauthBearerProvider };
  }
  const user = { username: config.kafkaUsername ?? "", password: config.kafkaPassword ?? "" };
  switch (mechanism) {
    case "PLAIN":
      return { mechanism: "plain", ...user };
    case "SCRAM-SHA-256":
      return { mechanism: "scram-sha-256", ...user };
    case "SCRAM-SHA-512":
      return { mechanism: "scram-sha-512", ...user };
  }
}

function kafkaProblems(config: Config): string[] {
  const { kafkaProtocol: protocol, kafkaMechanism: mechanism } = config;
  const files = {
    KAFKA_SSL_CA_LOCATION: config.kafkaCaFile,
    KAFKA_SSL_CERTIFICATE_LOCATION: config.kafkaCertificateFile,
    KAFKA_SSL_KEY_LOCATION: config.kafkaKeyFile,
  };
  const user = {
    KAFKA_SASL_USERNAME: config.kafkaUsername,
    KAFKA_SASL_PASSWORD: config.kafkaPassword,
  };
  const client = {
    KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: config.kafkaTokenUrl,
    KAFKA_SASL_OAUTHBEARER_CLIENT_ID: config.kafkaClientId,
    KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: config.kafkaClientSecret,
  };
  const problems: (string | undefined)[] = [];
  if (isEncrypted(config)) {
    problems.push(...Object.entries(files).map(([variable, path]) => fileProblem(variable, path)));
  } else {
    problems.push(...unwanted(files, `KAFKA_SECURITY_PROTOCOL is ${protocol}, without TLS`));
  }
  if ((config.kafkaCertificateFile === undefined) !== (config.kafkaKeyFile === undefined)) {
    problems.push(
      "KAFKA_SSL_CERTIFICATE_LOCATION and KAFKA_SSL_KEY_LOCATION: must be set together, and one is missing",
    );
  }
  if (hasSasl(config) !== (mechanism !== undefined)) {
    problems.push(
      hasSasl(config)
        ? `KAFKA_SASL_MECHANISM: is not set, but KAFKA_SECURITY_PROTOCOL is ${protocol}`
        : `KAFKA_SASL_MECHANISM: needs a SASL_ protocol, but KAFKA_SECURITY_PROTOCOL is ${protocol}`,
    );
  }
  const isOauth = mechanism === "OAUTHBEARER";
  const reason = `KAFKA_SASL_MECHANISM is ${mechanism ?? "not set"}`;
  problems.push(...(mechanism === undefined || isOauth ? unwanted : missing)(user, reason));
  problems.push(...(isOauth ? missing : unwanted)(client, reason));
  if (protocol === "SASL_PLAINTEXT" && (isOauth || mechanism === "PLAIN")) {
    problems.push(
      `KAFKA_SASL_MECHANISM: ${mechanism} over SASL_PLAINTEXT would send the secret unencrypted; use SASL_SSL`,
    );
  }
  if (config.kafkaTokenUrl !== undefined && !isSafe(new URL(config.kafkaTokenUrl))) {
    problems.push(
      "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: must be https, because the secret is sent there",
    );
  }
  return problems.filter((problem) => problem !== undefined);
}

type Given = Readonly<Record<string, string | undefined>>;

const missing = (settings: Given, reason: string) =>
  Object.entries(settings)
    .filter(([, value]) => value === undefined)
    .map(([variable]) => `${variable}: is not set, but ${reason}`);

const unwanted = (settings: Given, reason: string) =>
  Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([variable]) => `${variable}: is set, but ${reason}`);

const isSafe = ({ protocol, hostname }: URL) =>
  protocol === "https:" || hostname === "localhost" || hostname === "127.0.0.1";
