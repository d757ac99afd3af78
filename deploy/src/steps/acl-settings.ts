import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

const principal = (variable: string, name: string, who: string) =>
  setting(
    variable,
    z
      .string()
      .regex(/^[A-Za-z]+:.+$/, "takes <type>:<name>, such as User:sink-writer")
      .default(`User:${name}`),
    `${who}, as the brokers know it`,
  );

/** Who the brokers' users are, by the roles of the file of grants. */
export const aclSettings = () => ({
  "ingest-gateway": principal("KAFKA_PRINCIPAL_GATEWAY", "ingest-gateway", "the gateway"),
  "stream-processor": principal("KAFKA_PRINCIPAL_PROCESSOR", "stream-processor", "the processor"),
  "sink-writer": principal("KAFKA_PRINCIPAL_SINK", "sink-writer", "the sink"),
  operator: principal("KAFKA_PRINCIPAL_OPERATOR", "operator", "who runs the command fiber"),
  "data-team": principal("KAFKA_PRINCIPAL_DATA_TEAM", "data-team", "who reads the topics"),
});
