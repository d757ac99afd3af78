import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { CODECS } from "../protocol/compression/record-compression.ts";
import { securitySettings } from "./security-settings.ts";

/** The settings of everything that talks to Kafka and to the schema registry. */
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
      // A template that makes a list leaves a comma behind its last one.
      .transform((brokers) => brokers.filter((broker) => broker !== ""))
      .refine(
        (brokers) => !brokers.some((broker) => broker.startsWith("[")),
        "takes host:port; give an IPv6 address a name, kafkajs cannot begin with it",
      )
      .refine(
        (brokers) => brokers.length > 0 && brokers.every((one) => /^[^\s:]+:\d+$/.test(one)),
        "takes host:port, several separated by commas",
      ),
    "brokers to begin with, as host:port separated by commas",
  ),
  kafkaCompression: setting(
    "KAFKA_COMPRESSION_TYPE",
    z.enum(CODECS).default("none"),
    "what packs the record batches that are written: none, gzip, snappy, lz4 or zstd; all of them can be read",
  ),
  schemaRegistryUrl: setting(
    "SCHEMA_REGISTRY_URL",
    z.url().default("http://localhost:8081/apis/ccompat/v7"),
    "base URL of the schema registry's Confluent API",
  ),
  ...securitySettings(),
});

/** The settings of those that consume as members of a group. */
export const groupSettings = () => ({
  sessionTimeoutMs: setting(
    "KAFKA_SESSION_TIMEOUT_MS",
    wholeNumber({ min: 6_000, max: 300_000 }).default(8_000),
    "how long after a member's death, or into its pause, its partitions go to others",
  ),
  groupInstanceId: setting(
    "KAFKA_GROUP_INSTANCE_ID",
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, "takes letters, digits, dot, dash and underscore")
      .optional(),
    "name of this process among the members of its group (KIP-345), the same after a restart: back within the session timeout, it finds its partitions as it left them",
  ),
});
