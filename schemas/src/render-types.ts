import type { AvroSchema, RecordField, RecordSchema } from "./avro-schema.ts";

/** Renders TypeScript source with one type for each record, with the schemas' field names and docs. */
export function renderTypes(schemas: readonly RecordSchema[]): string {
  const header =
    "// Generated from schemas/avro by `npm run generate`; edit the .avsc files instead.\n";
  return [header, ...schemas.map(renderRecord)].join("\n");
}

function renderRecord({ name, doc, fields }: RecordSchema): string {
  return `/** ${doc} */\nexport type ${name} = {\n${fields.map(renderField).join("")}};\n`;
}

function renderField({ name, type, doc, unit }: RecordField): string {
  const remark = unit === undefined ? doc : `${doc} Unit: ${unit}.`;
  return `  /** ${remark} */\n  ${name}: ${typeOf(type)};\n`;
}

function typeOf(schema: AvroSchema): string {
  if (Array.isArray(schema)) return schema.map(typeOf).join(" | ");
  if (typeof schema === "string") return PRIMITIVES[schema];
  switch (schema.type) {
    case "long":
    case "string":
      return PRIMITIVES[schema.type];
    case "enum":
      return schema.symbols.map((symbol) => `"${symbol}"`).join(" | ");
    case "array":
      return `${typeOf(schema.items)}[]`;
    case "map":
      return `Record<string, ${typeOf(schema.values)}>`;
    case "record":
      return schema.name;
  }
}

const PRIMITIVES = {
  null: "null",
  boolean: "boolean",
  int: "number",
  // Microseconds since 1970 stay below 2^53 until the year 2255.
  long: "number",
  float: "number",
  double: "number",
  bytes: "Buffer",
  string: "string",
} as const;
