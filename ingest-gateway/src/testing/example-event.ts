import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { sentFields, sentFormOf } from "@fiberstream/schemas/probe-fields";

const examples: Record<string, unknown> = Object.fromEntries(
  sentFields(readAvroSchema("ProbeMetric")).map((field) => {
    const { name, example } = field;
    return [name, sentFormOf(field) === "object" ? JSON.parse(String(example)) : example];
  }),
);

/** A valid event as a probe sends it, for tests; measured now unless `changes` say otherwise. */
export const exampleEvent = (
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> & { timestamp: string } => ({
  ...examples,
  timestamp: new Date().toISOString().replace("Z", "456Z"),
  ...changes,
});
