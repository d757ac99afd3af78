import { renderTable } from "@fiberstream/terminal/table";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { readConfig } from "@fiberstream/runtime/config";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";

/** `fiber topics list`: the catalogue, without asking a cluster. */
export const topicsListCommand = (): Command =>
  new Command("list")
    .description("list the topics, what is in them and who may rely on them")
    .option("--json", "as JSON", false)
    .action(({ json }: { json: boolean }) => {
      const { namespace } = readConfig({ namespace: kafkaSettings().namespace });
      const text = json ? JSON.stringify(TOPICS, null, 2) : renderTopics(namespace);
      say(`${text}\n`);
    });

/** @param namespace prefix of the names on the cluster */
export function renderTopics(namespace: string): string {
  const topics = Object.entries<Topic>(TOPICS) as [TopicName, Topic][];
  const rows = topics.map(([name, topic]) => [
    topicIn(namespace, name),
    topic.key === "original" ? "original key" : topic.key,
    typeof topic.value === "string" ? topic.value : `Avro ${topic.value.avro}`,
    String(topic.partitions),
    keptFor(topic),
  ]);
  const meanings = topics.map(
    ([name, { meaning, reliedOnBy }]) =>
      `${topicIn(namespace, name)}\n  ${meaning}\n  For ${reliedOnBy.join(", ")}.`,
  );
  const table = renderTable([["TOPIC", "KEY", "VALUE", "PARTITIONS", "KEPT"], ...rows]);
  return [table, ...meanings].join("\n\n");
}

function keptFor({ cleanup, retentionMs }: Topic): string {
  if (cleanup === "compact") return "latest of each key";
  return retentionMs === undefined ? "for ever" : `${retentionMs / DAY_MS} days`;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
