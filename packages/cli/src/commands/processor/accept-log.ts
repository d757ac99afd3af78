import { renderTable } from "@fiberstream/terminal/table";
import { kafkaAccess } from "@fiberstream/kafka/access";
import { createConnections } from "@fiberstream/kafka/broker/connections";
import { createKafka } from "@fiberstream/kafka/kafka";
import { type LogStarts, readLogStarts } from "@fiberstream/kafka/log-starts";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import {
  beginWithLog,
  type ForeignOffset,
  foreignOffsets,
} from "@fiberstream/kafka/transactions/accept-log";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { logged } from "../../tables/with-pool.ts";

/** `fiber processor accept-log` */
export const processorAcceptLogCommand = (): Command =>
  new Command("accept-log")
    .description("let the processor start on a recreated topic, or on another cluster")
    .option("--yes", "change the offsets; without it, only show the changes", false)
    .addHelpText("after", HELP)
    .action(accept);

const HELP = `
Each committed offset of probe.metrics.raw is stored with the ids of its topic and cluster. If Kafka's topic or cluster has
another id, the processor stops the partition. This command shows both ids. With --yes it moves these partitions to the
first record of the topic that Kafka has now. Stop all processors before.

Records of the old topic that were not processed are lost: the processor's lag when the topic was deleted shows how many.
Events that are in the table already are not stored again.

Examples:
  npm run fiber -- processor accept-log
  npm run fiber -- processor accept-log --yes
`;

async function accept({ yes }: { readonly yes: boolean }): Promise<void> {
  const config = readConfig(kafkaSettings());
  const log = createLog({ service: "fiber", level: "error", format: "auto" });
  const kafka = createKafka({ ...kafkaAccess(config), clientId: "fiber", log });
  const connections = createConnections(kafka);
  const topic = topicIn(config.namespace, "probe.metrics.raw");
  const group = { connections, groupId: `${config.namespace}stream-processor`, topic };
  try {
    const found = await readLogStarts(connections, topic);
    const foreign = await foreignOffsets({ ...group, found });
    const known = foreign.flatMap(({ partition, start }) =>
      start === undefined ? [] : [[partition, start] as const],
    );
    if (yes && known.length > 0) {
      const attempt = { action: "processor.log_accept", objectKind: "topic", object: topic };
      const starts = Object.fromEntries(known.map(([at, start]) => [at, start.toString()]));
      const after = { ...found.log, starts };
      await logged({ ...attempt, after }, { isDry: false, summaryOf: () => after }, () =>
        beginWithLog({ ...group, log: found.log, starts: new Map(known) }),
      );
    }
    say(renderForeign(topic, found, foreign, yes));
    if (known.length < foreign.length) process.exitCode = 1;
  } finally {
    await connections.close();
  }
}

function renderForeign(
  topic: string,
  { log }: LogStarts,
  foreign: readonly ForeignOffset[],
  isDone: boolean,
): string {
  if (foreign.length === 0)
    return "nothing to change: all committed offsets belong to this topic and cluster\n";
  const lines = foreign.map(({ partition, offset, log: stored, start }) => [
    String(partition),
    offset.toString(),
    stored.topicId,
    stored.clusterId,
    start?.toString() ?? "unknown, no leader",
  ]);
  const heading = [
    "PARTITION",
    "COMMITTED",
    "STORED TOPIC ID",
    "STORED CLUSTER ID",
    isDone ? "NOW STARTS AT" : "WOULD START AT",
  ];
  const accepted = foreign.filter(({ start }) => start !== undefined).length;
  return [
    `In Kafka ${topic} has the id ${log.topicId}, in cluster ${log.clusterId}.`,
    renderTable([heading, ...lines]),
    isDone
      ? `${accepted} partitions now start at the beginning of this topic`
      : "Nothing was changed. To let them start at the beginning of this topic, add --yes",
    "",
  ].join("\n");
}
