import type { AvroSchema, EnumSchema } from "./avro-schema.ts";

/** Describes a type in a few words, e.g. "double, or null", "string (uuid)", "enum Quality". */
export function typeText(type: AvroSchema): string {
  if (Array.isArray(type)) {
    const branches = type.filter((branch) => branch !== "null").map(typeText);
    return type.includes("null") ? `${branches.join(" or ")}, or null` : branches.join(" or ");
  }
  if (typeof type === "string") return type;
  switch (type.type) {
    case "long":
    case "string":
      return `${type.type} (${type.logicalType})`;
    case "enum":
      return `enum ${type.name}`;
    case "array":
      return `array of ${typeText(type.items)}`;
    case "map":
      return `map of ${typeText(type.values)}`;
    case "record":
      return `record ${type.name}`;
  }
}

/** The enum of a type, which may be nullable. */
export function enumOf(type: AvroSchema): EnumSchema | undefined {
  if (Array.isArray(type)) return type.map(enumOf).find((found) => found !== undefined);
  return typeof type === "object" && type.type === "enum" ? type : undefined;
}

const NUMBERS = new Set<unknown>(["int", "long", "float", "double"]);

/** Whether a type, which may be nullable, is a number or an array of numbers. */
export function isNumber(type: AvroSchema): boolean {
  if (Array.isArray(type)) return type.some(isNumber);
  if (typeof type === "object" && type.type === "array") return isNumber(type.items);
  return NUMBERS.has(typeof type === "string" ? type : type.type);
}

/** The logical type of a type, which may be nullable. */
export function logicalTypeOf(type: AvroSchema): string | undefined {
  if (Array.isArray(type)) return type.map(logicalTypeOf).find((found) => found !== undefined);
  return typeof type === "object" && "logicalType" in type ? type.logicalType : undefined;
}
