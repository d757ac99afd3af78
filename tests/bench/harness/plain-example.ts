import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { exampleRecord } from "@fiberstream/schemas/example-record";
import { isOptional, sentFields } from "@fiberstream/schemas/probe-fields";

/**
 * Returns the example of a schema as most probes send it: without the optional fields. The figures of before there were
 * more of these can be compared with.
 */
export function plainExample<Name extends "ProbeMetric" | "EnrichedProbeMetric">(name: Name) {
  const optional = sentFields(readAvroSchema(name)).filter(isOptional);
  const defaults = Object.fromEntries(optional.map((field) => [field.name, field.default]));
  return { ...exampleRecord(name), ...defaults };
}
