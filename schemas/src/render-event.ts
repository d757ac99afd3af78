import { code, markdownTable } from "./catalogue/markdown.ts";
import type { RecordField, RecordSchema } from "./avro-schema.ts";
import {
  isOptional,
  ruleText,
  sentFields,
  sentFormOf,
  type SentForm,
  symbolsOf,
} from "./probe-fields.ts";

/** Returns TypeScript source: the type of an event as a probe sends it over HTTP. */
export function renderEventType(raw: RecordSchema): string {
  const fields = sentFields(raw).map((field) => {
    const optional = isOptional(field);
    const type = `${typeOf(field)}${optional ? " | null" : ""}`;
    return `  /** ${meaningOf(field)} */\n  readonly ${field.name}${optional ? "?" : ""}: ${type};\n`;
  });
  return `/** An event as a probe sends it over HTTP. */\nexport type ProbeEvent = {\n${fields.join("")}};\n`;
}

const typeOf = (field: RecordField): string => {
  const form = sentFormOf(field) ?? "text";
  return form === "symbol"
    ? symbolsOf(field)
        .map((symbol) => `"${symbol}"`)
        .join(" | ")
    : TYPES[form];
};

const TYPES: Record<Exclude<SentForm, "symbol">, string> = {
  text: "string",
  number: "number",
  integer: "number",
  numbers: "readonly number[]",
  // A Date has milliseconds only.
  time: "string | Date",
  object: "Readonly<Record<string, unknown>>",
};

/** Returns the table of an event's fields for docs/http.md. */
export const renderEventTable = (raw: RecordSchema): string =>
  markdownTable(
    ["field", "rule"],
    sentFields(raw).map((field) => [code(field.name), meaningOf(field)]),
  );

const meaningOf = (field: RecordField): string => `${ruleText(field)}. ${field.doc}`;
