import type { FieldRole, RecordField, RecordSchema } from "../avro-schema.ts";
import { sentFormOf } from "../probe-fields.ts";
import type { Fault } from "./fault.ts";

const ROLES: Readonly<Record<"probe" | "gateway", readonly FieldRole[]>> = {
  probe: ["identity", "content"],
  gateway: ["id", "identity", "receipt"],
};

/** Every field of the raw record says who sets it and what it is for: the gateway, the processor and the sink read that. */
export const roleFaults = (schema: RecordSchema): Fault[] =>
  schema.fields.flatMap((field) => {
    const { setBy, role } = field;
    const allowed: readonly unknown[] = setBy === undefined ? [] : (ROLES[setBy] ?? []);
    if (!allowed.includes(role)) return [withoutRole(field)];
    if (setBy === "gateway") return [];
    if (sentFormOf(field) === undefined) return [unknownForm(field)];
    return [...(isBounded(field) ? [] : [unbounded(field)]), ...referenceFaults(field, schema)];
  });

function isBounded(field: RecordField): boolean {
  const { maxLength, pattern, maxItems } = field;
  switch (sentFormOf(field)) {
    case "text":
      return maxLength !== undefined || pattern !== undefined;
    case "numbers":
      return maxItems !== undefined;
    case "symbol":
    case "number":
    case "integer":
    case "time":
    case "object":
    case undefined:
      return true;
  }
}

/** A rule between fields names fields that probes send. */
function referenceFaults(field: RecordField, { fields }: RecordSchema): Fault[] {
  const { name, atMost, nullOnlyIf = [] } = field;
  const named = [...(atMost === undefined ? [] : [atMost]), ...nullOnlyIf.map((one) => one.field)];
  return named
    .filter((other) => !fields.some((one) => one.name === other && one.setBy === "probe"))
    .map((other) => ({
      field: name,
      what: `has a rule about "${other}", which probes do not send`,
      breaks: "everybody who uses the value",
      because: "the gateway could not check it",
      instead: 'Name a field with "setBy": "probe" in "atMost" and "nullOnlyIf".',
    }));
}

const withoutRole = ({ name, setBy, role }: RecordField): Fault => ({
  field: name,
  what: `has setBy ${JSON.stringify(setBy ?? null)} and role ${JSON.stringify(role ?? null)}`,
  breaks: "everybody who uses the value",
  because: "the gateway would not accept the field, and duplicates would not be compared by it",
  instead:
    'Say "setBy": "probe" with "role": "content", for what a probe measures. The gateway\'s own fields are "receipt".',
});

const unknownForm = ({ name }: RecordField): Fault => ({
  field: name,
  what: "is sent by probes and has a type that the gateway has no rule for",
  breaks: "everybody who uses the value",
  because: "the gateway could not check it",
  instead:
    'Use "double", "int", "string", an enum or an array of "double", or one of them with null: ["null", "double"] with "default": null. For another type, add its form to schemas/src/probe-fields.ts and its rule to ingest-gateway/src/validation.',
});

const unbounded = (field: RecordField): Fault => ({
  field: field.name,
  what: `is ${sentFormOf(field) === "text" ? "a text" : "an array"} of any length`,
  breaks: "everybody who uses the value",
  because: "one event could be larger than a record may be",
  instead: `Give it a "${sentFormOf(field) === "text" ? "maxLength" : "maxItems"}".`,
});
