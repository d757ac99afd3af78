import type { RecordField, RecordSchema } from "@fiberstream/schemas/avro-schema";
import { UNPRINTABLE_CLASS } from "../answers/shown-value.ts";
import { SENT_FIELDS } from "../validation/validate-event.ts";

/** A JSON Schema (draft 2020-12, which OpenAPI 3.1 uses). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Patterns of texts without control and bidirectional characters; NOT_BLANK also requires more than spaces. */
const PRINTABLE = `^[^${UNPRINTABLE_CLASS}]*$`;
const NOT_BLANK = `^[^${UNPRINTABLE_CLASS}]*[^${UNPRINTABLE_CLASS}\\u0020][^${UNPRINTABLE_CLASS}]*$`;

/**
 * What a probe sends, from the raw record's schema: the same attributes that validation reads.
 *
 * @param options.isNodeRequired false for events of a batch that names their node
 */
export function eventSchema(
  { fields }: RecordSchema,
  options: { isNodeRequired: boolean },
): JsonSchema {
  const sent = fields.filter(({ name }) => SENT_FIELDS.has(name));
  const isRequired = (field: RecordField) =>
    !("default" in field) && (field.name !== "node_id" || options.isNodeRequired);
  return {
    type: "object",
    required: sent.filter(isRequired).map(({ name }) => name),
    properties: Object.fromEntries(
      sent.map((field) => [field.name, fieldSchema(field, { isOptional: !isRequired(field) })]),
    ),
  };
}

export function fieldSchema(field: RecordField, options: { isOptional: boolean }): JsonSchema {
  const described: JsonSchema = { description: describe(field), ...valueSchema(field) };
  return options.isOptional ? { ...described, type: [described["type"], "null"] } : described;
}

function valueSchema(field: RecordField): JsonSchema {
  const { name, minLength = 0, maxLength, minimum, maximum, example } = field;
  if (name === "metadata") return { type: "object", examples: [{ version: "2.1.0" }] };
  if (name === "timestamp") {
    // Without an example: any would one day be too old to send.
    return { type: "string", format: "date-time" };
  }
  const examples = example === undefined ? {} : { examples: [example] };
  if (field.type === "double") {
    return { type: "number", ...given({ minimum, maximum }), ...examples };
  }
  const pattern = field.pattern ?? (minLength > 0 ? NOT_BLANK : PRINTABLE);
  return { type: "string", ...given({ minLength, maxLength }), pattern, ...examples };
}

const given = (attributes: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );

function describe(field: RecordField): string {
  const { name, doc, unit, maxDepth, default: whenAbsent } = field;
  if (name === "metadata") {
    return `Anything else that the probe reports: a JSON object, at most ${maxDepth ?? 1} levels deep and 4 KB.`;
  }
  if (name === "timestamp") {
    return `${doc} ISO 8601 with seconds and with Z or an offset, such as 2026-11-05T12:34:56.123456Z; microseconds are kept.`;
  }
  const measured = unit === undefined ? doc : `${doc} Unit: ${unit}.`;
  return typeof whenAbsent === "string" ? `${measured} Left out: ${whenAbsent}.` : measured;
}
