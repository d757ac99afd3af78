import { readAvroSchema, type SchemaName } from "./avro-schema.ts";
import type {
  AuditEntry,
  EnrichedProbeMetric,
  Node,
  ProbeAlert,
  ProbeMetric,
} from "./generated/records.ts";

type Records = {
  readonly ProbeMetric: ProbeMetric;
  readonly EnrichedProbeMetric: EnrichedProbeMetric;
  readonly Node: Node;
  readonly ProbeAlert: ProbeAlert;
  readonly AuditEntry: AuditEntry;
};

/** Returns the record that a schema's examples make. */
export const exampleRecord = <Name extends SchemaName>(name: Name): Records[Name] =>
  Object.fromEntries(
    readAvroSchema(name).fields.map((field) => [field.name, field.example]),
  ) as Records[Name];
