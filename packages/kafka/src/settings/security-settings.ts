import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

const file = () => z.string().optional();
const text = () => z.string().optional();

/**
 * Credentials for Kafka and the schema registry. The names follow librdkafka's settings, so that the settings of a
 * cluster's operator can be copied: `ssl.ca.location` is KAFKA_SSL_CA_LOCATION.
 */
export const securitySettings = () => ({
  kafkaProtocol: setting(
    "KAFKA_SECURITY_PROTOCOL",
    z.enum(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]).default("PLAINTEXT"),
    "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
  ),
  kafkaCaFile: setting(
    "KAFKA_SSL_CA_LOCATION",
    file(),
    "PEM file of the authority that signed the brokers' certificates",
  ),
  kafkaCertificateFile: setting(
    "KAFKA_SSL_CERTIFICATE_LOCATION",
    file(),
    "PEM file of this client's certificate, for mutual TLS",
  ),
  kafkaKeyFile: setting("KAFKA_SSL_KEY_LOCATION", file(), "PEM file of the certificate's key"),
  kafkaKeyPassword: setting("KAFKA_SSL_KEY_PASSWORD", text(), "password of the key, if it has one"),
  kafkaMechanism: setting(
    "KAFKA_SASL_MECHANISM",
    z.enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]).optional(),
    "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, with a SASL_ protocol",
  ),
  kafkaUsername: setting("KAFKA_SASL_USERNAME", text(), "user, for PLAIN and SCRAM"),
  kafkaPassword: setting(
    "KAFKA_SASL_PASSWORD",
    text(),
    "password of the user, for PLAIN and SCRAM",
  ),
  kafkaTokenUrl: setting(
    "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    "URL of the token endpoint for OAUTHBEARER (OAuth 2.0 client credentials)",
  ),
  kafkaClientId: setting("KAFKA_SASL_OAUTHBEARER_CLIENT_ID", text(), "client id for OAUTHBEARER"),
  kafkaClientSecret: setting(
    "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET",
    text(),
    "client secret for OAUTHBEARER",
  ),
  kafkaTokenScope: setting("KAFKA_SASL_OAUTHBEARER_SCOPE", text(), "scope for OAUTHBEARER, if any"),
  schemaRegistryUserInfo: setting(
    "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO",
    z
      .string()
      .regex(/^[^:]+:/, "must be user:password")
      .optional(),
    "user:password for the schema registry",
  ),
  schemaRegistryCaFile: setting(
    "SCHEMA_REGISTRY_SSL_CA_LOCATION",
    file(),
    "PEM file of the authority that signed the schema registry's certificate",
  ),
});
