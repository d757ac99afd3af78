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

/** `fiber processor accept-log` */
export const processorAcceptLogCommand = (): Command =>
  new Command("accept-log")
    .description("start the processor on a topic that was created again, or on another cluster")
    .option("--yes", "do it; without, only show what would be done", false)
    .addHelpText("after", HELP)
    .action(accept);

const HELP = `
With each of the group's offsets of probe.metrics.raw stands which topic of which cluster it is of. Where
Kafka has another one the partition stops. This command shows both, and with --yes has those partitions begin at
the first record of the topic that Kafka has now. All processors have to be stopped for that.

Whatever the old topic had that was not processed yet does not come any more: the lag that the processor had
when the topic went away says how much that is. Events that are in the table already are left out by their identity.

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
      await beginWithLog({ ...group, log: found.log, starts: new Map(known) });
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
  if (foreign.length === 0) return "nothing to accept: no committed offset is of another log\n";
  const lines = foreign.map(({ partition, offset, log: stored, start }) => [
    String(partition),
    offset.toString(),
    stored.topicId,
    stored.clusterId,
    start?.toString() ?? "not known, has no leader",
  ]);
  const heading = [
    "PARTITION",
    "COMMITTED",
    "OF TOPIC",
    "OF CLUSTER",
    isDone ? "BEGINS AT" : "WOULD BEGIN AT",
  ];
  const accepted = foreign.filter(({ start }) => start !== undefined).length;
  return [
    `Kafka has ${topic} with the id ${log.topicId} in cluster ${log.clusterId}.`,
    renderTable([heading, ...lines]),
    isDone
      ? `${accepted} partitions begin with this log`
      : "nothing was changed, --yes has them begin with this log",
    "",
  ].join("\n");
}
