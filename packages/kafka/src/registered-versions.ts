import { readFileSync } from "node:fs";
import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { RegistrySecurity } from "./access.ts";
import { httpGet } from "./http-status.ts";

export type RegisteredVersion = {
  readonly version: number;
  /** The id in the registry, which stands before each value that the version wrote. */
  readonly id: number;
  readonly schema: RecordSchema;
};

/**
 * All versions of a subject, the first one first; none when the registry does not have the subject.
 * For tools: services only look ids up.
 *
 * @param options.url base URL of a registry with Confluent's API
 * @param options.security who to say one is, and who may vouch for the registry
 * @throws {TransientError} when the registry is away, or has not answered within 5 s
 * @throws {FatalError} when it refuses
 */
export async function readRegisteredVersions(options: {
  url: string;
  security?: RegistrySecurity;
  subject: string;
}): Promise<RegisteredVersion[]> {
  const subjectUrl = `${options.url}/subjects/${encodeURIComponent(options.subject)}/versions`;
  const getJson = createJsonReader(options.security ?? {});
  const registered: RegisteredVersion[] = [];
  for (const version of ((await getJson(subjectUrl)) ?? []) as number[]) {
    const answer = (await getJson(`${subjectUrl}/${version}`)) as Answer | undefined;
    // Deleted since the list was read.
    if (answer === undefined) continue;
    registered.push({ version, id: answer.id, schema: JSON.parse(answer.schema) as RecordSchema });
  }
  return registered.sort((a, b) => a.version - b.version);
}

type Answer = { readonly id: number; readonly schema: string };

/** Reads the JSON at an address; undefined when there is none (404). */
function createJsonReader({ caFile, user }: RegistrySecurity) {
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  return async (url: string): Promise<unknown> => {
    const { status, body } = await answerOf(() => httpGet(url, { timeoutMs: 5_000, ca, user }));
    if (status === 200) return JSON.parse(body);
    if (status === 404) return undefined;
    const refusal = `the schema registry answers status ${status} to GET ${url}`;
    if (status >= 500) throw new TransientError("registry", refusal);
    throw new FatalError(
      refusal,
      "Check SCHEMA_REGISTRY_URL and SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO",
    );
  };
}

async function answerOf<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new TransientError("registry", messageOf(error), { cause: error });
  }
}
