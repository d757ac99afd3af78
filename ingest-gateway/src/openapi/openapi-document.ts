import { problemResponses } from "@fiberstream/http/openapi-problems";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import packageJson from "../../package.json" with { type: "json" };
import { type Code, CODES } from "../answers/codes.ts";
import { ANSWER_HEADERS, REQUEST_HEADERS } from "../answers/http-headers.ts";
import { LIMITS } from "../answers/limits.ts";
import { fieldFinder } from "@fiberstream/event-rules/validate-event";
import { ANSWER_SCHEMAS } from "./answer-schemas.ts";
import { eventSchema, fieldSchema, type JsonSchema } from "./event-schema.ts";

/** The parts of the OpenAPI document that the page at /docs reads. */
export type OpenApiDocument = {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly headers: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes?: JsonSchema;
  };
};
export type Operation = {
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, Response>>;
  readonly [more: string]: unknown;
};
type Response = {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly [more: string]: unknown;
};
type Parameter = { name: string; in: "header"; description: string; schema: JsonSchema };

/** Creates the OpenAPI document from the definitions that the gateway itself uses. */
export function createOpenApiDocument(options: {
  schema: RecordSchema;
  authMode: "keys" | "open";
}): OpenApiDocument {
  const { schema, authMode } = options;
  const isKeyed = authMode === "keys";
  const events = eventOperations(schema, isKeyed);
  return {
    openapi: "3.1.0",
    info: {
      title: "FiberStream",
      version: packageJson.version,
      description:
        "Accepts measurements of network probes. 202 means that Kafka has acknowledged every event reported as accepted, from all in-sync replicas.",
    },
    paths: {
      "/api/push": { post: events.push },
      "/api/ingest": { post: events.ingest },
      "/api/status": {
        get: {
          operationId: "status",
          summary: "Whether the gateway accepts events",
          responses: {
            200: answer("Events are accepted.", "Status", STATUS_HEADERS),
            503: answer("The gateway cannot accept events right now.", "Status", [
              ...STATUS_HEADERS,
              "Retry-After",
            ]),
          },
        },
      },
    },
    components: {
      schemas: {
        Event: eventSchema(schema, { isNodeRequired: true }),
        NodesEvent: eventSchema(schema, { isNodeRequired: false }),
        ...ANSWER_SCHEMAS,
      },
      headers: Object.fromEntries(
        ANSWER_HEADERS.map(({ name, description, schema: of }) => [
          name,
          { description, schema: of },
        ]),
      ),
      ...(isKeyed && { securitySchemes: { token: { type: "http", scheme: "bearer" } } }),
    },
  };
}

function eventOperations(schema: RecordSchema, isKeyed: boolean) {
  const parameters = headerParameters(schema, isKeyed);
  const common = { parameters, ...(isKeyed && { security: [{ token: [] }] }) };
  const push: Operation = {
    ...common,
    operationId: "push",
    summary: "Sends one event",
    description: `At most ${LIMITS.eventBytes} bytes, after decompression. ${ENCODINGS}`,
    requestBody: { required: true, content: { "application/json": { schema: ref("Event") } } },
    responses: {
      202: answer("Kafka has the event.", "Accepted", answerHeaders(202)),
      ...problems(isKeyed, (code) => code !== "MALFORMED_BATCH"),
    },
  };
  const list = (items: string, maxItems: number) => ({
    type: "array",
    minItems: 1,
    maxItems,
    items: ref(items),
  });
  const metrics = (items: string) => list(items, LIMITS.batchEvents);
  const ingest: Operation = {
    ...common,
    operationId: "ingest",
    summary: "Sends many events",
    description: `At most ${LIMITS.batchEvents} events and ${LIMITS.batchBytes} bytes, after decompression, and ${LIMITS.eventBytes} bytes an event. ${ENCODINGS} A bad event never causes the rest of its batch to be rejected.`,
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: {
            anyOf: [
              metrics("Event"),
              {
                type: "object",
                required: ["metrics"],
                properties: { metrics: metrics("Event") },
                // With the batch's own node_id it is the other form.
                not: { required: ["node_id"] },
              },
              {
                type: "object",
                required: ["node_id", "metrics"],
                properties: {
                  node_id: fieldSchema(fieldFinder(schema)("node_id"), { isOptional: false }),
                  metrics: metrics("NodesEvent"),
                },
              },
            ],
          },
        },
        "application/x-ndjson": {
          schema: { type: "string", description: "An event on each line." },
        },
      },
    },
    responses: {
      202: answer(
        "Kafka acknowledged all events that are not listed in results.",
        "BatchAnswer",
        answerHeaders(202),
      ),
      ...problems(isKeyed, () => true),
    },
  };
  return { push, ingest };
}

const ENCODINGS = "Content-Encoding may be gzip, br, zstd or deflate.";

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const answer = (description: string, schema: string, headers: readonly string[]): Response => ({
  description,
  headers: headerRefs(headers),
  content: { "application/json": { schema: ref(schema) } },
});

const STATUS_HEADERS = ["X-Request-ID", "Connection"] as const;

/** Returns the names of the headers that an answer to a request with events may have. */
const answerHeaders = (status: number): string[] =>
  ANSWER_HEADERS.filter(({ on }) => on === "any" || on.includes(status)).map(({ name }) => name);

const headerRefs = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** Codes of other routes, and statuses that only senders with keys get. */
const ELSEWHERE: ReadonlySet<Code> = new Set<Code>(["NOT_FOUND", "METHOD_NOT_ALLOWED"]);
const KEYED: ReadonlySet<number> = new Set([401, 403]);

/** Returns a response for each status, with its codes in the description. */
function problems(isKeyed: boolean, has: (code: Code) => boolean) {
  const codes = (Object.keys(CODES) as Code[]).filter(
    (code) => !ELSEWHERE.has(code) && has(code) && (isKeyed || !KEYED.has(CODES[code].status)),
  );
  return problemResponses(codes, CODES, (status) => ({
    headers: headerRefs(answerHeaders(status)),
  }));
}

function headerParameters(schema: RecordSchema, isKeyed: boolean): Parameter[] {
  const { maxLength } = fieldFinder(schema)("source_region");
  return REQUEST_HEADERS.filter(({ isOfKeys }) => isKeyed || !isOfKeys).map(
    ({ name, description, schema: of }) => ({
      name,
      in: "header",
      description,
      schema: name === "X-Region-ID" ? { ...of, maxLength } : of,
    }),
  );
}
