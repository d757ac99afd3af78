import { registryAccess } from "@fiberstream/kafka/access";
import { readRegisteredVersions } from "@fiberstream/kafka/registered-versions";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { readConfig } from "@fiberstream/runtime/config";
import { TransientError } from "@fiberstream/runtime/errors";
import { type AvroTopic, avroTopics } from "@fiberstream/schemas/avro-topics";
import type { KnownVersion } from "@fiberstream/schemas/evolution/check-schemas";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";

/** The known versions of the schemas, and where they come from. */
export type KnownSchemas = {
  readonly source: "registry" | "released";
  /** The source for messages, e.g. "the registry at http://localhost:8081". */
  readonly where: string;
  readonly versions: readonly (KnownVersion & { readonly id?: number })[];
};

/**
 * Reads the registry's address and credentials from the environment.
 * @throws {ConfigError}
 */
export function readRegistryAccess() {
  const config = readConfig(kafkaSettings());
  return { ...registryAccess(config), namespace: config.namespace };
}

/** Reads the versions from the registry; without a registry, from schemas/released. */
export async function readKnownSchemas(options: { isOffline: boolean }): Promise<KnownSchemas> {
  if (options.isOffline) return releasedSchemas("schemas/released");
  const access = readRegistryAccess();
  const { url } = access;
  try {
    const versions = await readRegistry(access);
    return { source: "registry", where: `the registry at ${url}`, versions };
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    return releasedSchemas(`schemas/released (no registry at ${url}: ${error.message})`);
  }
}

const releasedSchemas = (where: string): KnownSchemas => ({
  source: "released",
  where,
  versions: readReleasedVersions(),
});

async function readRegistry({ namespace, ...access }: ReturnType<typeof readRegistryAccess>) {
  const versionsOf = async (topic: AvroTopic) => {
    const subject = subjectOf(topicIn(namespace, topic));
    const registered = await readRegisteredVersions({ ...access, subject });
    return registered.map(({ version, id, schema }) => ({ topic, version, id, schema }));
  };
  return (await Promise.all(avroTopics().map(versionsOf))).flat();
}
