import kafkajs, { type Admin } from "kafkajs";

/**
 * Returns the settings of topics or brokers with the brokers' defaults, by name, then by setting.
 *
 * It uses kafkajs, as all administration does. A topic's setting that a service needs while a broker may be frozen is read
 * from one broker after the other instead (`topicSetting` in `broker/connections.ts`).
 *
 * @param settings names of the settings; all by default
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
