import { problemResponses, problemSchema } from "@fiberstream/http/openapi-problems";
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { type Code, CODES } from "../answers/codes.ts";
import type { Route } from "../routes/route.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/** The parts of the OpenAPI document that the page at /docs reads. */
export type OpenApiDocument = {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: JsonSchema;
};
export type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly [more: string]: unknown;
};
type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonSchema;
};

/** Codes that any route may answer with. */
const OF_EVERY_ROUTE: readonly Code[] = [
  "INVALID_PARAMETER",
  "ORIGIN_NOT_ALLOWED",
  "ANSWER_TOO_LARGE",
  "RATE_LIMITED",
  "INTERNAL_ERROR",
  "OVERLOADED",
  "TOO_SLOW",
  "DATABASE_UNAVAILABLE",
];
const OF_KEYS: readonly Code[] = ["MISSING_TOKEN", "INVALID_TOKEN", "EXPIRED_TOKEN", "NOT_ALLOWED"];
const OF_BODIES: readonly Code[] = [
  "MALFORMED_JSON",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "INVALID_FIELD",
];

/** Creates the OpenAPI document from the schemas by which requests are checked. */
export function createOpenApiDocument(options: {
  routes: readonly Route[];
  authMode: "keys" | "open";
}): OpenApiDocument {
  const { routes, authMode } = options;
  const isKeyed = authMode === "keys";
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route, isKeyed);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "FiberStream query API",
      version: packageJson.version,
      description:
        "Answers questions about what probes measured, about nodes and about the platform. Times are in UTC, to the microsecond.",
    },
    paths,
    components: {
      schemas: {
        ...Object.fromEntries(
          routes.map(({ success }) => [success.name, schemaOf(success.schema, "output")]),
        ),
        Problem: problemSchema(Object.keys(CODES), FAULT),
      },
      ...(isKeyed && {
        securitySchemes: {
          token: { type: "http", scheme: "bearer" },
          session: { type: "apiKey", in: "cookie", name: "__Host-fiberstream" },
        },
      }),
    },
  };
}

function operationOf(route: Route, isKeyed: boolean): Operation {
  const { schemas, success } = route;
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    "x-permission": route.permission,
    parameters: [
      ...parametersOf("path", schemas.path),
      ...parametersOf("query", schemas.query),
      ...(schemas.headers === undefined ? [] : parametersOf("header", schemas.headers)),
    ],
    ...(schemas.body !== undefined && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schemaOf(schemas.body, "input") } },
      },
    }),
    responses: {
      [success.status]: {
        description: "The answer.",
        content: Object.fromEntries(
          (success.contentTypes ?? ["application/json"]).map((type) => [
            type,
            { schema: ref(success.name) },
          ]),
        ),
      },
      ...(route.method === "GET" &&
        !route.isStreamed && {
          304: { description: "If-None-Match has the answer's ETag." },
        }),
      ...problemsOf(route, isKeyed),
    },
    ...(isKeyed && route.permission !== "anyone" && { security: [{ token: [] }, { session: [] }] }),
  };
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

function parametersOf(place: Parameter["in"], schema: z.ZodObject): Parameter[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" });
  return Object.entries(properties).map(([name, property]) => {
    const {
      description = "",
      isRequired: isMeantAsRequired = false,
      standard,
      ...rest
    } = property as JsonSchema & { description?: string; isRequired?: boolean; standard?: number };
    const isRequired = place === "path" || required.includes(name) || isMeantAsRequired;
    const written = standard === undefined ? rest : { ...rest, default: standard };
    return { name, in: place, required: isRequired, description, schema: written };
  });
}

/** Returns a response for each status, with its codes in the description. */
function problemsOf({ codes, permission, schemas }: Route, isKeyed: boolean) {
  const all = [
    ...OF_EVERY_ROUTE,
    ...(isKeyed && permission !== "anyone" ? OF_KEYS : []),
    ...(schemas.body === undefined ? [] : OF_BODIES),
    ...codes,
  ];
  return problemResponses(all, CODES, () => ({}));
}

const text = { type: "string" };
/** A single fault of a request. */
const FAULT: JsonSchema = {
  type: "object",
  required: ["field", "message"],
  properties: { field: text, message: text },
};
