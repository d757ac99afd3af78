import { TransientError, messageOf } from "@fiberstream/runtime/errors";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";

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
 * @throws {TransientError} when the registry is away, or has not answered within 5 s
 */
export async function readRegisteredVersions(options: {
  url: string;
  subject: string;
}): Promise<RegisteredVersion[]> {
  const subjectUrl = `${options.url}/subjects/${encodeURIComponent(options.subject)}/versions`;
  const versions = await getJson<number[]>(subjectUrl);
  const registered: RegisteredVersion[] = [];
  for (const version of versions ?? []) {
    const answer = await getJson<{ id: number; schema: string }>(`${subjectUrl}/${version}`);
    // Deleted since the list was read.
    if (answer === undefined) continue;
    registered.push({ version, id: answer.id, schema: JSON.parse(answer.schema) as RecordSchema });
  }
  return registered.sort((a, b) => a.version - b.version);
}

async function getJson<T>(url: string): Promise<T | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`GET ${url}: status ${answer.status}`);
    return (await answer.json()) as T;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    throw new TransientError("registry", messageOf(cause ?? error), { cause: error });
  }
}
