import type { AvroSchema, RecordField } from "./avro-schema.ts";

type Fields = { readonly fields: readonly RecordField[] };

/** Returns the fields that a probe sends, in the record's order. */
export const sentFields = ({ fields }: Fields): RecordField[] =>
  fields.filter(({ setBy }) => setBy === "probe");

/** Returns the fields in which a duplicate must be equal; otherwise it is a conflict. */
export const contentFields = ({ fields }: Fields): RecordField[] =>
  fields.filter(({ role }) => role === "content");

/** Returns whether a probe may leave the field out. It then has its default. */
export const isOptional = (field: RecordField): boolean => "default" in field;

/**
 * The form of a field's value in an event's JSON. `time` is the time of measurement, as text; `object` is kept as JSON
 * text.
 */
export type SentForm = "text" | "number" | "time" | "object";

/** Returns undefined for a type that an event's JSON cannot have: the gateway has no rule for it. */
export function sentFormOf(field: RecordField): SentForm | undefined {
  const type = valueTypeOf(field.type);
  if (type === "double") return "number";
  if (type === "string") return field.maxDepth === undefined ? "text" : "object";
  const isTime = typeof type === "object" && "logicalType" in type && type.type === "long";
  return isTime && field.role === "identity" ? "time" : undefined;
}

/** Of a field that may be null, as defaults want it: null first. */
const valueTypeOf = (type: AvroSchema): AvroSchema | undefined => {
  if (!Array.isArray(type)) return type;
  return type.length === 2 && type[0] === "null" ? type[1] : undefined;
};

/** Returns a field's rule in words, e.g. "optional string, up to 255 characters". */
export function ruleText(field: RecordField): string {
  const { unit, default: whenAbsent } = field;
  const text = `${isOptional(field) ? "optional " : ""}${formText(field)}`;
  if (typeof whenAbsent === "string") return `${text}, default \`${whenAbsent}\``;
  return sentFormOf(field) === "number" && unit !== undefined ? `${text} (${unit})` : text;
}

function formText(field: RecordField): string {
  const { minLength = 0, maxLength, minimum, maximum, maxDepth, pattern } = field;
  switch (sentFormOf(field)) {
    case "number":
      if (minimum !== undefined && maximum !== undefined) return `number, ${minimum} to ${maximum}`;
      if (minimum !== undefined) return `number, ${minimum} or more`;
      return maximum === undefined ? "number" : `number, ${maximum} or less`;
    case "time":
      return "ISO 8601 with seconds and `Z` or an offset; microseconds are kept";
    case "object":
      return `JSON object, at most ${maxDepth} levels deep`;
    case "text":
    case undefined: {
      const least = minLength === 0 ? "up to" : `${minLength} to`;
      const parts = [
        "string",
        ...(pattern === undefined ? [] : [patternText(pattern)]),
        ...(maxLength === undefined ? [] : [`${least} ${maxLength} characters`]),
        ...(minLength > 0 ? ["not only spaces"] : []),
      ];
      return parts.join(", ");
    }
  }
}

/** Returns in words what a pattern wants. */
export const patternText = (pattern: string): string =>
  pattern === "^[A-Z]{2}$" ? "two capital letters" : `matches ${pattern}`;
