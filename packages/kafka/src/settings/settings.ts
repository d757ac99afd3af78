import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { CODECS } from "../protocol/compression/record-compression.ts";
import { securitySettings } from "./security-settings.ts";

/** The settings of all services that connect to Kafka and the schema registry. */
export const kafkaSettings = () => ({
  namespace: setting(
    "NAMESPACE",
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,100}$/, "takes letters, digits, dot, dash and underscore")
      .default(""),
    "prefix of topics, subjects, consumer groups and Redis keys, for installations that share a cluster",
  ),
  kafkaBrokers: setting(
    "KAFKA_BROKERS",
    z
      .string()
      .default("localhost:9092")
      .transform((list) => list.split(",").map((broker) => broker.trim()))
      // A list from a template may end with a comma.
      .transform((brokers) => brokers.filter((broker) => broker !== ""))
      .refine(
        (brokers) => !brokers.some((broker) => broker.startsWith("[")),
        "must be host:port; for an IPv6 address use a host name, kafkajs does not support the address itself",
      )
      .refine(
        (brokers) => brokers.length > 0 && brokers.every((broker) => /^[^\s:]+:\d+$/.test(broker)),
        "must be host:port, several separated by commas",
      ),
    "bootstrap brokers, as host:port separated by commas",
  ),
  kafkaCompression: setting(
    "KAFKA_COMPRESSION_TYPE",
    z.enum(CODECS).default("none"),
    "compression of written record batches: none, gzip, snappy, lz4 or zstd; all of them can be read",
  ),
  schemaRegistryUrl: setting(
    "SCHEMA_REGISTRY_URL",
    z.url().default("http://localhost:8081/apis/ccompat/v7"),
    "base URL of the schema registry's Confluent API",
  ),
  ...securitySettings(),
});

/** The settings of members of a consumer group. */
export const groupSettings = () => ({
  sessionTimeoutMs: setting(
    "KAFKA_SESSION_TIMEOUT_MS",
    wholeNumber({ min: 6_000, max: 300_000 }).default(8_000),
    "how long after a member's last heartbeat its partitions are assigned to others",
  ),
  groupInstanceId: setting(
    "KAFKA_GROUP_INSTANCE_ID",
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, "takes letters, digits, dot, dash and underscore")
      .optional(),
    "name of this process as a static member of its group (KIP-345): after a restart within the session timeout it gets its partitions back",
  ),
});
