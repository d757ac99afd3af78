import { readAvroSchema, type RecordField } from "@fiberstream/schemas/avro-schema";
import { sentFields, sentFormOf } from "@fiberstream/schemas/probe-fields";
import type { ModelledEvent, SimulatedEvent } from "./probe.ts";
import type { Random } from "./random.ts";

/**
 * Returns a function that adds the fields that probes send and the simulator has no model of: numbers spread evenly over
 * what the schema allows, and the schema's example for anything else.
 */
export function createFurtherFields(
  modelled: readonly string[],
): (event: ModelledEvent, random: Random) => SimulatedEvent {
  const further = sentFields(readAvroSchema("ProbeMetric")).filter(
    ({ name }) => !modelled.includes(name),
  );
  return (event, random) => {
    const values = further.map((field) => [field.name, valueOf(field, random)] as const);
    return { ...event, ...Object.fromEntries(values) };
  };
}

function valueOf(field: RecordField, random: Random): unknown {
  const { minimum = 0, maximum = minimum + 100, example } = field;
  const between = minimum + (maximum - minimum) * random.unit();
  switch (sentFormOf(field)) {
    case "number":
      return between;
    case "integer":
      return Math.floor(between);
    case "object":
      return JSON.parse(String(example));
    case "text":
    case "symbol":
    case "numbers":
    case "time":
    case undefined:
      return example;
  }
}
