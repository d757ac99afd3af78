import { z } from "zod";
import type { Route } from "../routes/route.ts";

type Schema = Readonly<Record<string, unknown>>;

/**
 * Returns the TypeScript that `@fiberstream/client` knows the routes by: their methods and paths, and the types of their
 * parameters and answers. Made from the same schemas as the checks and the OpenAPI document.
 */
export function renderClientTypes(routes: readonly Route[]): string {
  const answered = routes.filter(({ isStreamed }) => isStreamed === undefined);
  return [
    "/** The routes of the query API that answer with JSON, by their names. */",
    "export const QUERIES = {",
    ...answered.map(
      ({ operationId, method, path }) =>
        `  ${operationId}: { method: "${method}", path: "${path}" },`,
    ),
    "} as const;",
    "",
    "/** The parameters and the answer of each route. */",
    "export type Queries = {",
    ...answered.map(renderRoute),
    "};",
    "",
  ].join("\n");
}

function renderRoute({ operationId, summary, schemas, success }: Route): string {
  const { body } = schemas;
  return `  /** ${summary}. */
  readonly ${operationId}: {
    readonly path: ${typeOf(jsonSchema(schemas.path, "input"))};
    readonly query: ${typeOf(jsonSchema(schemas.query, "input"))};
    readonly body: ${body === undefined ? "undefined" : typeOf(jsonSchema(body, "input"))};
    readonly answer: ${typeOf(jsonSchema(success.schema, "output"))};
  };`;
}

const jsonSchema = (schema: z.ZodType, io: "input" | "output"): Schema =>
  z.toJSONSchema(schema, { io, unrepresentable: "any" });

/** Returns the TypeScript type of a JSON Schema, of those that zod writes. */
function typeOf(schema: Schema): string {
  const { enum: values, const: only, anyOf, type } = schema;
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(" | ");
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(anyOf)) return (anyOf as Schema[]).map(typeOf).join(" | ");
  if (Array.isArray(type))
    return (type as string[]).map((each) => typeOf({ ...schema, type: each })).join(" | ");
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return listOf(schema);
    case "object":
      return objectOf(schema);
    default:
      return "unknown";
  }
}

function listOf({ prefixItems, items }: Schema): string {
  if (Array.isArray(prefixItems)) {
    return `readonly [${(prefixItems as Schema[]).map(typeOf).join(", ")}]`;
  }
  return `readonly (${typeOf((items ?? {}) as Schema)})[]`;
}

function objectOf(schema: Schema): string {
  const { properties = {}, required = [], propertyNames, additionalProperties: more } = schema;
  const names = required as readonly string[];
  const fields = Object.entries(properties as Record<string, Schema>).map(([name, property]) => {
    const mark = names.includes(name) ? "" : "?";
    const about =
      typeof property["description"] === "string" ? `/** ${property["description"]} */ ` : "";
    return `${about}readonly ${JSON.stringify(name)}${mark}: ${typeOf(property)}`;
  });
  if (typeof more !== "object" || more === null) return `{ ${fields.join("; ")} }`;
  if (fields.length > 0) return `{ ${fields.join("; ")} } & { readonly [name: string]: unknown }`;
  const keys = typeOf((propertyNames ?? { type: "string" }) as Schema);
  const value = typeOf(more as Schema);
  // With names that are known, not each of them has to be there.
  return keys === "string"
    ? `{ readonly [name: string]: ${value} }`
    : `{ readonly [name in ${keys}]?: ${value} }`;
}
