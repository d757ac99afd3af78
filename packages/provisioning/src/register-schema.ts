import type { RegistrySecurity } from "@fiberstream/kafka/access";
import { readRegisteredVersions } from "@fiberstream/kafka/registered-versions";
import { IncompatibleSchemaError, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { FatalError } from "@fiberstream/runtime/errors";
import { type AvroTopic, schemaNameOf } from "@fiberstream/schemas/avro-topics";
import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";

/**
 * Registers a topic's schema.
 *
 * @param options.beginsAgain deletes the subject's versions if they are all from before the schemas began again with
 *   version 1. The registry still knows their ids, so records that were written with them can be read
 * @returns a line for each change
 * @throws {TransientError} when the registry is unavailable
 * @throws {FatalError} when the schema is not compatible with an earlier version
 */
export async function registerSchema(options: {
  registry: SchemaRegistry;
  url: string;
  security?: RegistrySecurity | undefined;
  topic: AvroTopic;
  subject: string;
  beginsAgain: boolean;
}): Promise<string[]> {
  const { registry, topic, subject } = options;
  const name = schemaNameOf(topic);
  const schema = readAvroSchema(name);
  const register = async () => {
    const { id, change } = await registry.register(subject, schema);
    return change === "registered" ? [`subject ${subject}: ${name} registered with id ${id}`] : [];
  };
  try {
    return await register();
  } catch (error) {
    if (!(error instanceof IncompatibleSchemaError)) throw error;
    const versions = await versionsOfBefore(options);
    if (versions === undefined) throw error;
    const numbers = `version${versions.length === 1 ? "" : "s"} ${versions.join(", ")}`;
    const deleted = `${subject} (${numbers})`;
    if (!options.beginsAgain) {
      throw new FatalError(
        `the schemas have begun again with version 1, because an event may have no latency now, and the registry has the earlier ${deleted}`,
        "To delete all data of the local start, run: npm run reset. To keep the data, stop all services of the earlier version and repeat this step once with TOPICS_BEGIN_AGAIN=true (docs/runbooks/upgrade.md)",
        { cause: error },
      );
    }
    await registry.deleteVersions(subject);
    return [`subject ${deleted}: deleted, their ids can still be read`, ...(await register())];
  }
}

/** Returns the numbers of the subject's versions if this checkout has released none of them; otherwise undefined. */
async function versionsOfBefore(options: {
  url: string;
  security?: RegistrySecurity | undefined;
  topic: AvroTopic;
  subject: string;
}): Promise<number[] | undefined> {
  const { security, ...address } = options;
  const registered = await readRegisteredVersions({ ...address, ...(security && { security }) });
  const released = readReleasedVersions().filter(({ topic }) => topic === options.topic);
  const isReleased = (schema: RecordSchema) =>
    released.some((one) => JSON.stringify(one.schema) === JSON.stringify(schema));
  if (registered.length === 0 || registered.some(({ schema }) => isReleased(schema))) {
    return undefined;
  }
  return registered.map(({ version }) => version);
}
