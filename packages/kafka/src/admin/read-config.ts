import kafkajs, { type Admin } from "kafkajs";

/**
 * The settings of topics or brokers, the brokers' defaults among them: by name, then by setting.
 *
 * Asked with kafkajs, as everything of an admin's is. A topic's setting that a service needs while a broker may be frozen is
 * asked of one broker after the other instead (`topicSetting` in `broker/connections.ts`).
 *
 * @param settings those to ask for; all by default
 * @throws what kafkajs throws: see `kafkaFailure`
 */
export async function readConfig(
  admin: Pick<Admin, "describeConfigs">,
  kind: "TOPIC" | "BROKER",
  names: readonly string[],
  settings?: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({
      type: kafkajs.ConfigResourceTypes[kind],
      name,
      ...(settings !== undefined && { configNames: [...settings] }),
    })),
  });
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
}
