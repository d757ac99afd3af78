import type { FieldRole, RecordField, RecordSchema } from "../avro-schema.ts";
import { sentFormOf } from "../probe-fields.ts";
import type { Fault } from "./fault.ts";

const ROLES: Readonly<Record<"probe" | "gateway", readonly FieldRole[]>> = {
  probe: ["identity", "content"],
  gateway: ["id", "identity", "receipt"],
};

/** Every field of the raw record says who sets it and what it is for: the gateway, the processor and the sink read that. */
export const roleFaults = ({ fields }: RecordSchema): Fault[] =>
  fields.flatMap((field) => {
    const { setBy, role } = field;
    const allowed: readonly unknown[] = setBy === undefined ? [] : (ROLES[setBy] ?? []);
    if (!allowed.includes(role)) return [withoutRole(field)];
    if (setBy === "gateway") return [];
    if (sentFormOf(field) === undefined) return [unknownForm(field)];
    const { maxLength, pattern } = field;
    const isBounded = maxLength !== undefined || pattern !== undefined;
    return sentFormOf(field) === "text" && !isBounded ? [unbounded(field)] : [];
  });

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
    'Use "double" or "string", or ["null", "double"] or ["null", "string"] with "default": null. For another type, add its form to schemas/src/probe-fields.ts and its rule to ingest-gateway/src/validation.',
});

const unbounded = ({ name }: RecordField): Fault => ({
  field: name,
  what: "is a text of any length",
  breaks: "everybody who uses the value",
  because: "one event could be larger than a record may be",
  instead: 'Give it a "maxLength".',
});
