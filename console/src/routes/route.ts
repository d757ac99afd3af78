import type { z } from "zod";
import type { Answer, StreamedAnswer } from "../answers/answer.ts";
import type { Code } from "../answers/codes.ts";
import { type Fault, Refusal } from "../answers/refusal.ts";
import type { Permission } from "../access/permissions.ts";
import type { Asker } from "../access/reader.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** What a request gives: texts from its path and query, and its parsed body. */
export type Given = {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** A checked request. */
export type Question = {
  /** Equal for equal requests, of which those that come together are answered once: an age such as -1h is as it was given. */
  readonly key: string;
  /** What it takes out of the bucket beyond the route's cost. */
  readonly extraCost: number;
  readonly answer: (asker: Asker) => Promise<Answer | StreamedAnswer>;
};

/** A route of the API. The checks of requests and the OpenAPI document are made from its schemas. */
export type Route = {
  readonly method: Method;
  /** As OpenAPI writes it: `/api/v1/nodes/{node_id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** What its reader must have. OpenAPI says it as `x-permission`. */
  readonly permission: Permission;
  /** What a request takes out of its reader's bucket. */
  readonly cost: number;
  readonly schemas: Schemas;
  /** Set if the answer is written while it is read: it takes its own turns, and is not shared. */
  readonly isStreamed?: true;
  /** Set if an answer may be some seconds old, which it says in its header Age: see `kept-answers.ts`. */
  readonly isKept?: true;
  /** Set if the answer is read from Kafka: it takes a turn there, and not at the database. */
  readonly readsKafka?: true;
  /** Set if it waits for more than the database, such as for scrypt: it takes no turn at the database. */
  readonly hasOwnTurns?: true;
  /** The answer of a success. */
  readonly success: {
    /** Of streamed answers; else application/json. */
    readonly contentTypes?: readonly string[];
    readonly status: number;
    readonly name: string;
    readonly schema: z.ZodType;
  };
  /** Codes beyond those that every route has. */
  readonly codes: readonly Code[];
  /** @throws {Refusal} INVALID_PARAMETER, INVALID_FIELD */
  readonly check: (given: Given) => Question;
};

export type Schemas = {
  readonly path: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body?: z.ZodType;
  /** Headers that the route reads, in lower case. */
  readonly headers?: z.ZodObject;
};

export type Checked<S extends Schemas> = {
  readonly path: z.output<S["path"]>;
  readonly query: z.output<S["query"]>;
  readonly body: S["body"] extends z.ZodType ? z.output<S["body"]> : undefined;
  readonly headers: S["headers"] extends z.ZodObject ? z.output<S["headers"]> : undefined;
};

/** Declares a route; `answer` gets what the schemas return. */
export function route<S extends Schemas>(
  declared: Omit<Route, "check" | "schemas"> & {
    schemas: S;
    /** For parameters that make a question cost more. */
    extraCost?: (checked: Checked<S>) => number;
    answer: (checked: Checked<S>, asker: Asker) => Promise<Answer | StreamedAnswer>;
  },
): Route {
  const { answer, extraCost, schemas, ...rest } = declared;
  return {
    ...rest,
    schemas,
    check: (given) => {
      const checked = checkedBy(schemas, given);
      return {
        key: JSON.stringify([rest.operationId, given.path, given.query]),
        extraCost: extraCost?.(checked) ?? 0,
        answer: (asker) => answer(checked, asker),
      };
    },
  };
}

/** @throws {Refusal} INVALID_PARAMETER, INVALID_FIELD */
export const checkedBy = <S extends Schemas>(schemas: S, given: Given): Checked<S> =>
  ({
    path: parsed(schemas.path, given.path, "INVALID_PARAMETER"),
    query: parsed(schemas.query, given.query, "INVALID_PARAMETER"),
    body: schemas.body && parsed(schemas.body, given.body, "INVALID_FIELD"),
    headers: schemas.headers && parsed(schemas.headers, given.headers, "INVALID_PARAMETER"),
    // The compiler does not connect the conditional types with the schemas that were tested.
  }) as Checked<S>;

/** How many faults of one request are listed. */
const MAX_FAULTS = 10;

function parsed(schema: z.ZodType, value: unknown, code: Code): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, MAX_FAULTS).map(faultOf);
  const [first] = faults;
  throw new Refusal(
    code,
    first === undefined ? "it is invalid" : `${first.field}: ${first.message}`,
    {
      faults,
    },
  );
}

function faultOf({ path, message, ...issue }: z.core.$ZodIssue): Fault {
  // The message names them, so that a misspelt parameter is seen.
  const field =
    issue.code === "unrecognized_keys" ? (issue.keys[0] ?? "") : path.map(String).join(".");
  return { field: shortened(field), message: shortened(message) };
}

/** A name or value of the request, which may be very long. */
const shortened = (text: string): string => (text.length <= 300 ? text : `${text.slice(0, 300)}…`);
