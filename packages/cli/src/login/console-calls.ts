import { isLoopback } from "@fiberstream/http/open-port";
import { messageOf } from "@fiberstream/runtime/errors";
import type { z } from "zod";

/** A console, as `fiber` calls it for its user. */
export type Console = {
  readonly origin: string;
  readonly get: <T>(path: string, schema: z.ZodType<T>) => Promise<T>;
  readonly post: <T>(path: string, body: object, schema: z.ZodType<T>) => Promise<T>;
  readonly remove: (path: string) => Promise<void>;
};

const TIMEOUT_MS = 30_000;

/** The console does not accept the token. */
export class NotSignedInError extends Error {
  override readonly name = "NotSignedInError";
}

/**
 * @param address of the console; without TLS on a loopback address only, because tokens are sent
 * @throws for another address
 */
export function consoleAt(address: string, token?: string): Console {
  const url = URL.parse(address);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new Error(`${address} is not an address such as https://console.example.net`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname.replace(/^\[|\]$/g, ""))) {
    throw new Error(`${url.origin} would show your token to everybody on the way: use https://`);
  }
  const { origin } = url;

  const call = async (method: string, path: string, body?: object): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(`${origin}${path}`, {
        method,
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      throw new Error(`the console at ${origin} does not answer: ${messageOf(cause ?? error)}`, {
        cause: error,
      });
    }
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { detail?: unknown };
    const detail =
      typeof problem.detail === "string" ? problem.detail : `status ${response.status}`;
    if (response.status === 401) throw new NotSignedInError(detail);
    throw new Error(`the console at ${origin} refused: ${detail}`);
  };

  const answerOf = async <T>(response: Response, schema: z.ZodType<T>): Promise<T> => {
    const result = schema.safeParse(await response.json());
    if (result.success) return result.data;
    throw new Error(`the answer of ${origin} is not one of a console of this version`);
  };

  return {
    origin,
    get: async (path, schema) => answerOf(await call("GET", path), schema),
    post: async (path, body, schema) => answerOf(await call("POST", path, body), schema),
    remove: async (path) => void (await call("DELETE", path)),
  };
}
