import { renderTable } from "@fiberstream/terminal/table";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { readConfig } from "@fiberstream/runtime/config";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber topics list`: prints the catalogue; needs no cluster. */
export const topicsListCommand = (): Command =>
  new Command("list")
    .description("list the topics, their contents and their consumers")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("topics list"))
    .action(({ json }: { json: boolean }) => {
      const { namespace } = readConfig({ namespace: kafkaSettings().namespace });
      const text = json ? JSON.stringify(TOPICS, null, 2) : renderTopics(namespace);
      say(`${text}\n`);
    });

/**
 * Returns the catalogue as text.
 * @param namespace prefix of the names on the cluster
 */
export function renderTopics(namespace: string): string {
  const topics = Object.entries<Topic>(TOPICS) as [TopicName, Topic][];
  const rows = topics.map(([name, topic]) => [
    topicIn(namespace, name),
    topic.key === "original" ? "original key" : topic.key,
    typeof topic.value === "string" ? topic.value : `Avro ${topic.value.avro}`,
    String(topic.partitions),
    retentionText(topic),
  ]);
  const meanings = topics.map(
    ([name, { meaning, reliedOnBy }]) =>
      `${topicIn(namespace, name)}\n  ${meaning}\n  Consumers: ${reliedOnBy.join(", ")}.`,
  );
  const table = renderTable([["TOPIC", "KEY", "VALUE", "PARTITIONS", "RETENTION"], ...rows]);
  return [table, ...meanings].join("\n\n");
}

function retentionText({ cleanup, retentionMs }: Topic): string {
  if (cleanup === "compact") return "latest record of each key";
  return retentionMs === undefined || retentionMs < 0
    ? "unlimited"
    : `${retentionMs / DAY_MS} days`;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
