import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { type Queries, QUERIES } from "./generated/queries.ts";

export type QueryName = keyof Queries;
export type QueryAnswer<Name extends QueryName> = Queries[Name]["answer"];

/** What a question is asked with: the parameters of its path and of its query together, and its body. */
export type QueryParameters<Name extends QueryName> = Queries[Name]["path"] &
  Queries[Name]["query"];

type Options = {
  readonly signal?: AbortSignal | undefined;
  /** For `changeNode`: the node's revision. */
  readonly revision?: number | undefined;
};

export type QueryClient = {
  /**
   * Asks, and waits and retries while the console is busy or unavailable.
   * @throws {QueryError}
   */
  readonly ask: <Name extends QueryName>(
    name: Name,
    parameters: QueryParameters<Name>,
    ...rest: Queries[Name]["body"] extends undefined
      ? [body?: undefined, options?: Options]
      : [body: Queries[Name]["body"], options?: Options]
  ) => Promise<QueryAnswer<Name>>;
  /**
   * Yields the items of all pages of a list.
   * @throws {QueryError}
   */
  readonly all: <Name extends ListName>(
    name: Name,
    parameters: QueryParameters<Name>,
    options?: Options,
  ) => AsyncGenerator<QueryAnswer<Name>["data"][number]>;
};

/** The routes whose answers have a cursor to the next page. */
export type ListName = {
  [Name in QueryName]: QueryAnswer<Name> extends {
    readonly data: readonly unknown[];
    readonly meta: { readonly next_cursor: string | null };
  }
    ? Name
    : never;
}[QueryName];

/** A question that was not answered. */
export class QueryError extends Error {
  override readonly name = "QueryError";
  /** Undefined: there was no answer. */
  readonly status: number | undefined;
  /** Of the problem document, such as `NO_SUCH_NODE`. */
  readonly code: string | undefined;

  constructor(message: string, options: ErrorOptions & { status?: number; code?: string } = {}) {
    super(message, options);
    this.status = options.status;
    this.code = options.code;
  }
}

const MAX_TRIES = 5;
const ANSWER_TIMEOUT_MS = 60_000;
const FIRST_WAIT_MS = 500;
/** Retry-After of more than this is not waited for. */
const MAX_WAIT_MS = 60_000;

/**
 * Creates a client of the query API.
 * @param options.url address of the console, such as `http://127.0.0.1:4000`
 * @param options.token a reader key (`fiber readers create`), where the console wants one
 */
export function createQueryClient(options: { url: string; token?: string }): QueryClient {
  const ask = async (name: QueryName, parameters: object, body: unknown, asked: Options) => {
    const { method, path } = QUERIES[name];
    const { target, headers } = requestOf(path, parameters, options);
    if (asked.revision !== undefined) headers["if-match"] = `"${asked.revision}"`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    for (let tries = 1; ; tries++) {
      const outcome = await askOnce(target, init, asked.signal);
      if ("answer" in outcome) return outcome.answer;
      // A change that has no answer may have been made: only questions are repeated then.
      const isRepeatable =
        outcome.retryAfterMs !== undefined || (outcome.isLost && method === "GET");
      const waitMs = outcome.retryAfterMs ?? FIRST_WAIT_MS * 2 ** tries;
      if (!isRepeatable || tries === MAX_TRIES || waitMs > MAX_WAIT_MS) throw outcome.error;
      await delay(waitMs, undefined, { signal: asked.signal });
    }
  };

  // The compiler does not connect the generated types with the call; QUERIES and Queries are made together.
  const client = {
    ask: (name: QueryName, parameters: object, body?: unknown, asked: Options = {}) =>
      ask(name, parameters, body, asked),
    all: async function* (name: ListName, parameters: object, asked: Options = {}) {
      let cursor: string | null | undefined;
      do {
        const page = (await ask(name, { ...parameters, cursor }, undefined, asked)) as {
          data: readonly unknown[];
          meta: { next_cursor: string | null };
        };
        yield* page.data;
        cursor = page.meta.next_cursor;
      } while (cursor !== null);
    },
  };
  return client as QueryClient;
}

function requestOf(
  template: string,
  parameters: object,
  { url, token }: { url: string; token?: string },
): { target: URL; headers: Record<string, string> } {
  const given = new Map(
    Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
      value === undefined || value === null ? [] : [[name, String(value)]],
    ),
  );
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = given.get(name) ?? "";
    given.delete(name);
    return encodeURIComponent(value);
  });
  const target = new URL(path, url);
  target.search = new URLSearchParams([...given]).toString();
  return { target, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } };
}

type Outcome =
  | { readonly answer: unknown }
  | {
      readonly error: QueryError;
      /** The console asks to retry after so long. */
      readonly retryAfterMs?: number;
      /** There was no answer. */
      readonly isLost?: true;
    };

async function askOnce(
  target: URL,
  init: { method: string; headers: Record<string, string>; body?: string },
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  let response: Response;
  let text: string;
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  try {
    response = await fetch(target, {
      ...init,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const cause = (error as { cause?: unknown }).cause ?? error;
    return {
      isLost: true,
      error: new QueryError(`no answer: ${messageOf(cause)}`, { cause: error }),
    };
  }
  const body = jsonOf(text);
  if (response.ok && body !== undefined) return { answer: body };
  const { code, detail } = (body ?? {}) as { code?: string; detail?: string };
  const message = `${response.status} ${code ?? ""} ${detail ?? text.slice(0, 200)}`.trim();
  const error = new QueryError(message, {
    status: response.status,
    ...(code !== undefined && { code }),
  });
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? { error, retryAfterMs: seconds * 1_000 } : { error };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
