import type { RecordField, RecordSchema } from "../avro-schema.ts";
import { enumOf, typeText } from "../type-text.ts";

/** Describes the changes from one version to the next, one line each, in the order of the fields. */
export function describeChanges(older: RecordSchema, newer: RecordSchema): string[] {
  const before = new Map(older.fields.map((field) => [field.name, field]));
  const now = new Set(newer.fields.map(({ name }) => name));
  return [
    ...(older.doc === newer.doc ? [] : ["the record's doc is reworded"]),
    ...newer.fields.flatMap((field) => {
      const earlier = before.get(field.name);
      return earlier === undefined ? [addition(field)] : fieldChanges(earlier, field);
    }),
    ...older.fields.filter(({ name }) => !now.has(name)).map(({ name }) => `\`${name}\` is gone`),
  ];
}

function addition(field: RecordField): string {
  const { name, type, doc, aliases = [] } = field;
  const fallback = "default" in field ? `, default ${JSON.stringify(field.default)}` : "";
  const former = aliases.length > 0 ? `, formerly ${aliases.map(code).join(", ")}` : "";
  return `${code(name)} is new (${typeText(type)}${fallback}${former}): ${doc}`;
}

function fieldChanges(earlier: RecordField, field: RecordField): string[] {
  const changes: string[] = [];
  if (typeText(earlier.type) !== typeText(field.type)) {
    changes.push(`is ${typeText(field.type)}, was ${typeText(earlier.type)}`);
  }
  const [symbolsBefore, symbols] = [earlier, field].map(({ type }) => enumOf(type)?.symbols ?? []);
  const gained = symbols?.filter((symbol) => !symbolsBefore?.includes(symbol)) ?? [];
  const lost = symbolsBefore?.filter((symbol) => !symbols?.includes(symbol)) ?? [];
  if (gained.length > 0) changes.push(`has the new symbols ${gained.map(code).join(", ")}`);
  if (lost.length > 0) changes.push(`no longer has the symbols ${lost.map(code).join(", ")}`);
  if (earlier.doc !== field.doc) changes.push(`now reads: ${field.doc}`);
  for (const attribute of ATTRIBUTES) {
    const [was, is] = [earlier[attribute], field[attribute]].map(shown);
    if (was !== is)
      changes.push(`has ${WORDS[attribute]} ${is}${was === NONE ? "" : ` instead of ${was}`}`);
  }
  return changes.map((change) => `${code(field.name)} ${change}`);
}

const ATTRIBUTES = [
  "setBy",
  "role",
  "unit",
  "minimum",
  "maximum",
  "atMost",
  "nullOnlyIf",
  "minLength",
  "maxLength",
  "pattern",
  "maxDepth",
  "maxItems",
  "default",
  "example",
  "aliases",
] as const;

const WORDS: Readonly<Record<(typeof ATTRIBUTES)[number], string>> = {
  setBy: "setBy",
  role: "the role",
  unit: "the unit",
  minimum: "the minimum",
  maximum: "the maximum",
  atMost: "as its upper bound the field",
  nullOnlyIf: "the conditions for null",
  minLength: "the least length",
  maxLength: "the greatest length",
  pattern: "the pattern",
  maxDepth: "the greatest depth",
  maxItems: "the greatest number of items",
  default: "the default",
  example: "the example",
  aliases: "the aliases",
};

const NONE = "none";
const shown = (value: unknown): string => (value === undefined ? NONE : JSON.stringify(value));
const code = (text: string): string => `\`${text}\``;
