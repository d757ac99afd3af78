import type { AvroSchema, FieldCondition, RecordField } from "./avro-schema.ts";
import { enumOf } from "./type-text.ts";

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
 * The form of a field's value in an event's JSON. `symbol` is one of an enum's symbols; `numbers` is an array; `time` is
 * the time of measurement, as text; `object` is kept as JSON text.
 */
export type SentForm = "text" | "symbol" | "number" | "integer" | "numbers" | "time" | "object";

/** Returns undefined for a type that an event's JSON cannot have: the gateway has no rule for it. */
export function sentFormOf(field: RecordField): SentForm | undefined {
  const type = valueTypeOf(field.type);
  if (type === "double") return "number";
  if (type === "int") return "integer";
  if (type === "string") return field.maxDepth === undefined ? "text" : "object";
  if (typeof type !== "object" || Array.isArray(type)) return undefined;
  if (type.type === "enum") return "symbol";
  if (type.type === "array") return type.items === "double" ? "numbers" : undefined;
  return type.type === "long" && field.role === "identity" ? "time" : undefined;
}

/** Of a field that may be null, as defaults want it: null first. */
const valueTypeOf = (type: AvroSchema): AvroSchema | undefined => {
  if (!Array.isArray(type)) return type;
  return type.length === 2 && type[0] === "null" ? type[1] : undefined;
};

/** Returns a field's rule in words, e.g. "optional string, up to 255 characters". */
export function ruleText(field: RecordField): string {
  const { unit, default: whenAbsent } = field;
  const { nullOnlyIf, atMost } = field;
  const isFree = isOptional(field) && nullOnlyIf === undefined;
  const text = `${isFree ? "optional " : ""}${formText(field)}`;
  if (typeof whenAbsent === "string") return `${text}, default \`${whenAbsent}\``;
  const parts = [
    isNumeric(field) && unit !== undefined ? `${text} (${unit})` : text,
    ...(atMost === undefined ? [] : [`at most \`${atMost}\``]),
    ...(nullOnlyIf === undefined ? [] : [`optional only if ${conditionsText(nullOnlyIf)}`]),
  ];
  return parts.join("; ");
}

const isNumeric = (field: RecordField): boolean =>
  ["number", "integer", "numbers"].includes(sentFormOf(field) ?? "");

/** Returns in words when a field may be null, e.g. "packet_loss is 100 or error is given". */
export const conditionsText = (conditions: readonly FieldCondition[]): string =>
  conditions
    .map(({ field, is }) => `${field} is ${is === undefined ? "given" : String(is)}`)
    .join(" or ");

function formText(field: RecordField): string {
  const { minLength = 0, maxLength, maxDepth, maxItems, pattern } = field;
  switch (sentFormOf(field)) {
    case "number":
      return `number${boundsText(field)}`;
    case "integer":
      return `whole number${boundsText(field)}`;
    case "numbers":
      return `array of up to ${maxItems} numbers${boundsText(field)}`;
    case "symbol":
      return `one of ${symbolsOf(field)
        .map((symbol) => `\`${symbol}\``)
        .join(", ")}`;
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

function boundsText({ minimum, maximum }: RecordField): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, ${minimum} or more`;
  return maximum === undefined ? "" : `, ${maximum} or less`;
}

/** Returns the values of a field of the form `symbol`. */
export const symbolsOf = ({ type }: RecordField): readonly string[] => enumOf(type)?.symbols ?? [];

/** Returns in words what a pattern wants. */
export const patternText = (pattern: string): string =>
  pattern === "^[A-Z]{2}$" ? "two capital letters" : `matches ${pattern}`;
