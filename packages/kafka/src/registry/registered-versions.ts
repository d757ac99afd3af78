import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { RegistrySecurity } from "../settings/access.ts";
import { createAskRegistry } from "./ask-registry.ts";

export type RegisteredVersion = {
  readonly version: number;
  /** The id in the registry, which is the prefix of each value of this version. */
  readonly id: number;
  readonly schema: RecordSchema;
};

/**
 * Returns all versions of a subject in order; none if the registry does not have the subject. For tools: services only
 * look ids up.
 *
 * @param options.url base URL of a registry with Confluent's API
 * @param options.security credentials, and the authority of the registry's certificate
 * @throws {TransientError} when the registry is unavailable, does not answer within 5 s, or another server answers
 */
export async function readRegisteredVersions(options: {
  url: string;
  security?: RegistrySecurity;
  subject: string;
}): Promise<RegisteredVersion[]> {
  const path = `/subjects/${encodeURIComponent(options.subject)}/versions`;
  const ask = createAskRegistry({ ...options, timeoutMs: 5_000 });
  const registered: RegisteredVersion[] = [];
  for (const version of ((await ask(path)) ?? []) as number[]) {
    const answer = (await ask(`${path}/${version}`)) as Answer | undefined;
    // Deleted since the list was read.
    if (answer === undefined) continue;
    registered.push({ version, id: answer.id, schema: JSON.parse(answer.schema) as RecordSchema });
  }
  return registered.sort((a, b) => a.version - b.version);
}

type Answer = { readonly id: number; readonly schema: string };
