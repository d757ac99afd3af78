import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

const principal = (variable: string, name: string, role: string) =>
  setting(
    variable,
    z
      .string()
      .regex(/^[A-Za-z]+:.+$/, "must be <type>:<name>, such as User:sink-writer")
      .default(`User:${name}`),
    `Kafka principal of ${role}`,
  );

/** The Kafka principal of each role in acls.json. */
export const aclSettings = () => ({
  "ingest-gateway": principal("KAFKA_PRINCIPAL_GATEWAY", "ingest-gateway", "the gateway"),
  "stream-processor": principal("KAFKA_PRINCIPAL_PROCESSOR", "stream-processor", "the processor"),
  "sink-writer": principal("KAFKA_PRINCIPAL_SINK", "sink-writer", "the sink"),
  console: principal("KAFKA_PRINCIPAL_CONSOLE", "console", "the console"),
  auditor: principal("KAFKA_PRINCIPAL_AUDITOR", "auditor", "the auditor"),
  operator: principal(
    "KAFKA_PRINCIPAL_OPERATOR",
    "operator",
    "an operator who runs the command fiber",
  ),
  "data-team": principal("KAFKA_PRINCIPAL_DATA_TEAM", "data-team", "a team that reads the topics"),
});
