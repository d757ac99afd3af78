import { readFileSync } from "node:fs";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { RegistrySecurity } from "../settings/access.ts";
import { httpAsk } from "./http-request.ts";

/**
 * Sends a request to a registry with Confluent's API.
 *
 * @param path below the registry's URL
 * @param request.json sent with POST
 * @param request.method by default POST with JSON, and GET without
 * @returns the answer's JSON; undefined if the registry itself answers that there is no such thing
 * @throws {TransientError} it is unavailable, or another server answers in its place: a proxy's 404 does not mean that a
 *   schema is missing
 */
export type AskRegistry = (
  path: string,
  request?: { json?: object; method?: "DELETE" },
) => Promise<unknown>;

/** @param options.url base URL of the registry */
export function createAskRegistry(options: {
  url: string;
  security?: RegistrySecurity | undefined;
  timeoutMs: number;
}): AskRegistry {
  const { url, timeoutMs } = options;
  const { caFile, user } = options.security ?? {};
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  return async (path, request) => {
    const { status, body } = await httpAsk(`${url}${path}`, {
      timeoutMs,
      ca,
      user,
      ...request,
    }).catch((error: unknown) => {
      throw new TransientError("registry", messageOf(error), { cause: error });
    });
    const answer = jsonIn(body);
    if (status === 200 && answer !== undefined) return answer;
    if (status === 404 && ABSENT.has(codeIn(answer))) return undefined;
    throw new TransientError(
      "registry",
      `the schema registry answered ${path} with status ${status} and not as a registry does. ${ADVICE}`,
    );
  };
}

const ADVICE =
  "Check SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO and proxies in between";

/** The registry's codes for: no such subject, version, schema. An unknown path has a 404 without a code. */
const ABSENT: ReadonlySet<unknown> = new Set([40401, 40402, 40403]);

const codeIn = (answer: object | undefined): unknown =>
  answer !== undefined && "error_code" in answer ? answer.error_code : undefined;

function jsonIn(body: string): object | undefined {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === "object" && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}
