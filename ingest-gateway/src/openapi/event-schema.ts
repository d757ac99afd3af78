import type { FieldCondition, RecordField, RecordSchema } from "@fiberstream/schemas/avro-schema";
import {
  conditionsText,
  isOptional,
  sentFields,
  sentFormOf,
  symbolsOf,
} from "@fiberstream/schemas/probe-fields";
import { UNPRINTABLE_CLASS } from "@fiberstream/event-rules/shown-value";

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
  schema: RecordSchema,
  options: { isNodeRequired: boolean },
): JsonSchema {
  const sent = sentFields(schema);
  const isRequired = (field: RecordField) =>
    !isOptional(field) && (field.name !== "node_id" || options.isNodeRequired);
  return {
    type: "object",
    required: sent.filter(isRequired).map(({ name }) => name),
    properties: Object.fromEntries(
      sent.map((field) => [field.name, fieldSchema(field, { isOptional: !isRequired(field) })]),
    ),
    ...nullRules(sent),
  };
}

/** The rules of when a field may be null or left out: it is there, or one of its conditions is true. */
function nullRules(sent: readonly RecordField[]): JsonSchema {
  const bound = sent.filter(({ nullOnlyIf }) => nullOnlyIf !== undefined);
  if (bound.length === 0) return {};
  return {
    allOf: bound.map(({ name, nullOnlyIf = [] }) => ({
      anyOf: [{ field: name }, ...nullOnlyIf].map(conditionSchema),
    })),
  };
}

const conditionSchema = ({ field, is }: FieldCondition): JsonSchema => ({
  required: [field],
  properties: { [field]: is === undefined ? { not: { type: "null" } } : { const: is } },
});

export function fieldSchema(field: RecordField, options: { isOptional: boolean }): JsonSchema {
  const described: JsonSchema = { description: describe(field), ...valueSchema(field) };
  if (!options.isOptional) return described;
  const orNull = { ...described, type: [described["type"], "null"] };
  const symbols = described["enum"];
  return Array.isArray(symbols) ? { ...orNull, enum: [...(symbols as unknown[]), null] } : orNull;
}

function valueSchema(field: RecordField): JsonSchema {
  const { minLength = 0, maxLength, maxItems, minimum, maximum, example } = field;
  const examples = example === undefined ? {} : { examples: [example] };
  switch (sentFormOf(field)) {
    case "object":
      return { type: "object", examples: [JSON.parse(String(example))] };
    case "time":
      // Without an example: any would be too old to send one day.
      return { type: "string", format: "date-time" };
    case "number":
      return { type: "number", ...given({ minimum, maximum }), ...examples };
    case "integer":
      return { type: "integer", ...given({ minimum, maximum }), ...examples };
    case "numbers": {
      const items = { type: "number", ...given({ minimum, maximum }) };
      return { type: "array", items, ...given({ maxItems }), ...examples };
    }
    case "symbol":
      return { type: "string", enum: symbolsOf(field), ...examples };
    case "text":
    case undefined: {
      const pattern = field.pattern ?? (minLength > 0 ? NOT_BLANK : PRINTABLE);
      return { type: "string", ...given({ minLength, maxLength }), pattern, ...examples };
    }
  }
}

const given = (attributes: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );

function describe(field: RecordField): string {
  const { doc, unit, maxDepth, atMost, nullOnlyIf, default: whenAbsent } = field;
  switch (sentFormOf(field)) {
    case "object":
      return `${doc} At most ${maxDepth ?? 1} levels deep and 4 KB.`;
    case "time":
      return `${doc} ISO 8601 with seconds and with Z or an offset, such as 2026-11-05T12:34:56.123456Z; microseconds are kept.`;
    case "number":
    case "integer":
    case "numbers":
    case "symbol":
    case "text":
    case undefined:
      return [
        doc,
        ...(unit === undefined ? [] : [`Unit: ${unit}.`]),
        ...(typeof whenAbsent === "string" ? [`Left out: ${whenAbsent}.`] : []),
        ...(atMost === undefined ? [] : [`At most ${atMost}.`]),
        ...(nullOnlyIf === undefined
          ? []
          : [`Null or left out only if ${conditionsText(nullOnlyIf)}.`]),
      ].join(" ");
  }
}
