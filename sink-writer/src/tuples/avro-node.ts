import type avsc from "avsc";

/** A type of an Avro schema, with names resolved. */
export type AvroNode =
  | {
      readonly type:
        "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string" | "recursive";
    }
  | { readonly type: "enum"; readonly symbols: readonly string[] }
  | { readonly type: "fixed"; readonly size: number }
  | { readonly type: "array"; readonly items: AvroNode }
  | { readonly type: "map"; readonly values: AvroNode }
  | { readonly type: "union"; readonly branches: readonly AvroNode[] }
  | { readonly type: "record"; readonly fields: readonly AvroField[] };

export type AvroField = { readonly name: string; readonly type: AvroNode };

/** Returns the fields of a record's type, in the order in which they are encoded. */
export function fieldsOf(type: avsc.Type): readonly AvroField[] {
  const node = resolve(type.schema() as Json, new Map());
  return node.type === "record" ? node.fields : [];
}

type Json = string | readonly Json[] | { readonly [key: string]: Json };

function resolve(schema: Json, named: Map<string, AvroNode>): AvroNode {
  if (typeof schema === "string") {
    return named.get(schema) ?? ({ type: schema } as AvroNode);
  }
  if (isList(schema)) {
    return { type: "union", branches: schema.map((branch) => resolve(branch, named)) };
  }
  const name = typeof schema["name"] === "string" ? schema["name"] : undefined;
  // No code can be generated for a recursive type.
  if (name !== undefined) named.set(name, { type: "recursive" });
  const node = resolveComplex(schema, named);
  if (name !== undefined) named.set(name, node);
  return node;
}

function resolveComplex(
  schema: { readonly [key: string]: Json },
  named: Map<string, AvroNode>,
): AvroNode {
  const { type = "null", fields, items, values, symbols, size } = schema;
  switch (type) {
    case "record":
      return {
        type,
        fields: (fields as readonly { name: string; type: Json }[]).map((field) => ({
          name: field.name,
          type: resolve(field.type, named),
        })),
      };
    case "enum":
      return { type, symbols: symbols as readonly string[] };
    case "fixed":
      return { type, size: Number(size) };
    case "array":
      return { type, items: resolve(items ?? "null", named) };
    case "map":
      return { type, values: resolve(values ?? "null", named) };
    default:
      return resolve(type, named);
  }
}

const isList = (schema: Json): schema is readonly Json[] => Array.isArray(schema);
