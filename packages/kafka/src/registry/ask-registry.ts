import { readFileSync } from "node:fs";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { RegistrySecurity } from "../settings/access.ts";
import { httpAsk } from "./http-request.ts";

/**
 * Asks a registry of Confluent's form.
 *
 * @param path below the registry's URL
 * @param json sent by POST; undefined: a GET
 * @returns the answer's JSON; undefined when the registry itself says that it has no such thing
 * @throws {TransientError} it is unavailable, or another one answers in its place: a router's 404 says nothing of schemas
 */
export type AskRegistry = (path: string, json?: object) => Promise<unknown>;

/** @param options.url base URL of the registry */
export function createAskRegistry(options: {
  url: string;
  security?: RegistrySecurity | undefined;
  timeoutMs: number;
}): AskRegistry {
  const { url, timeoutMs } = options;
  const { caFile, user } = options.security ?? {};
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  return async (path, json) => {
    const { status, body } = await httpAsk(`${url}${path}`, { timeoutMs, ca, user, json }).catch(
      (error: unknown) => {
        throw new TransientError("registry", messageOf(error), { cause: error });
      },
    );
    const answer = jsonIn(body);
    if (status === 200 && answer !== undefined) return answer;
    if (status === 404 && ABSENT.has(codeIn(answer))) return undefined;
    throw new TransientError(
      "registry",
      `the schema registry answers status ${status} to ${path}, which says nothing of schemas. ${ADVICE}`,
    );
  };
}

const ADVICE =
  "Check SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO and what stands between";

/** No such subject, version, schema, in the registry's API. A path that it does not know has the bare 404. */
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
