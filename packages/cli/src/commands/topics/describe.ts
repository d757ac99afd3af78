import { renderTable } from "@fiberstream/terminal/table";
import { type GroupLag, groupLags } from "@fiberstream/kafka/group-lag";
import { isTopicMissing } from "@fiberstream/kafka/kafka-errors";
import { type TopicDescription, topicDescription } from "@fiberstream/kafka/describe-topic";
import {
  type RegisteredVersion,
  readRegisteredVersions,
} from "@fiberstream/kafka/registered-versions";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { type Topic, TOPICS } from "@fiberstream/schemas/topics";
import { Command } from "commander";
import {
  type NamedTopic,
  namedTopic,
  readTopicAccess,
  type TopicAccess,
} from "../../records/topic-access.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber topics describe <topic>` */
export const topicsDescribeCommand = (): Command =>
  new Command("describe")
    .description("show a topic's partitions, size, retention, schema versions and consumer groups")
    .argument("<topic>", "a topic of the catalogue, or any other topic")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("topics describe probe.metrics.raw"))
    .action(async (name: string, { json }: { json: boolean }) => {
      const access = readTopicAccess();
      const described = await describeTopic(access, namedTopic(access.namespace, name));
      say(json ? toJson(described) : renderTopic(described));
    });

export type DescribedTopic = NamedTopic &
  TopicDescription & {
    readonly schemas: readonly RegisteredVersion[];
    readonly groups: readonly GroupLag[];
  };

/**
 * Reads what Kafka and the registry know of a topic.
 * @throws {TransientError} when Kafka or the registry is unavailable
 * @throws {Error} when the topic does not exist
 */
export async function describeTopic(
  { kafka, schemaRegistryUrl }: Pick<TopicAccess, "kafka" | "schemaRegistryUrl">,
  named: NamedTopic,
): Promise<DescribedTopic> {
  const { topic } = named;
  try {
    const facts = await topicDescription({ kafka, topic });
    const groups = await groupLags({ kafka, topic, nowMs: Date.now() });
    const schemas = await readRegisteredVersions({
      url: schemaRegistryUrl,
      subject: subjectOf(topic),
    });
    return { ...named, ...facts, groups, schemas };
  } catch (error) {
    if (!isTopicMissing(error)) throw error;
    throw new Error(`there is no topic ${topic}`, { cause: error });
  }
}

const toJson = ({ partitions, config, schemas, ...rest }: DescribedTopic): string => {
  const plain = {
    ...rest,
    schemas: schemas.map(({ version, id, schema }) => ({ version, id, name: schema.name })),
    partitions: partitions.map((entry) => ({
      ...entry,
      low: entry.low === undefined ? null : Number(entry.low),
      high: entry.high === undefined ? null : Number(entry.high),
    })),
    config: Object.fromEntries(config),
  };
  return `${JSON.stringify(plain)}\n`;
};

export function renderTopic(described: DescribedTopic): string {
  const { topic, catalogueName, partitions, groups, schemas, bytes } = described;
  const entry: Topic | undefined = catalogueName && TOPICS[catalogueName];
  const records = partitions.reduce((sum, { low = 0n, high = 0n }) => sum + Number(high - low), 0);
  const leaderless = partitions.filter(({ leader }) => leader < 0).length;
  const properties = [
    ["retention", retentionText(described)],
    ["size", bytes === undefined ? "unknown" : `${sizeOf(bytes)} on disk, all replicas together`],
    [
      "offsets",
      `${records} in ${partitions.length - leaderless} partitions (transaction markers included)`,
    ],
    ...(leaderless > 0 ? [["leaders", `${leaderless} partitions have no leader`] as const] : []),
    ["schemas", schemas.length === 0 ? "none" : schemas.map(schemaText).join(", ")],
  ] as const;
  const perPartition = partitions.map((one) => [
    String(one.partition),
    one.leader < 0 ? "none" : String(one.leader),
    `${one.inSync.length} of ${one.replicas.length}`,
    String(one.low ?? "-"),
    String(one.high ?? "-"),
  ]);
  const perGroup = groups.map((group) => [
    group.groupId,
    group.state,
    String(group.members),
    group.leaderless > 0 ? `${group.records}, ${group.leaderless} unknown` : `${group.records}`,
    group.seconds.toFixed(1),
  ]);
  return [
    entry === undefined ? topic : `${topic}\n${entry.meaning}`,
    properties.map(([name, text]) => `${name.padEnd(9)} ${text}`).join("\n"),
    renderTable([
      ["PARTITION", "LEADER", "IN SYNC", "FIRST OFFSET", "NEXT OFFSET"],
      ...perPartition,
    ]),
    perGroup.length === 0
      ? "No consumer group has committed an offset of this topic."
      : renderTable([["GROUP", "STATE", "MEMBERS", "LAG, RECORDS", "LAG, S"], ...perGroup]),
    "",
  ].join("\n\n");
}

const schemaText = ({ version, id, schema }: RegisteredVersion): string =>
  `${schema.name} version ${version} (id ${id})`;

function retentionText({ config }: TopicDescription): string {
  const policy = config.get("cleanup.policy") ?? "delete";
  const retentionMs = Number(config.get("retention.ms") ?? -1);
  const days = retentionMs < 0 ? "unlimited" : `${retentionMs / DAY_MS} days`;
  if (policy === "compact") return "the latest record of each key";
  return policy === "delete" ? days : `${days}, then the latest record of each key`;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Returns a size in the largest fitting unit, by powers of 1,024. */
function sizeOf(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1_024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
