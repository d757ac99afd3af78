import { renderTable } from "@fiberstream/terminal/table";
import { type LogStarts, readLogStarts } from "@fiberstream/kafka/log-starts";
import { Command } from "commander";
import { type Acceptance, acceptLog } from "../../tables/accept-log.ts";
import { withSinkAccess } from "./sink-access.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber sink accept-log` */
export const sinkAcceptLogCommand = (): Command =>
  new Command("accept-log")
    .description("let the sink start on a recreated topic, or on another cluster")
    .option("--yes", "change the offsets; without it, only show the changes", false)
    .addHelpText("after", HELP)
    .action(accept);

const HELP = `
Each stored offset is stored with the ids of its topic and cluster. If Kafka's topic or cluster has another id, the sink
stops the partition. This command shows both ids. With --yes it moves these partitions to the first record of the topic that
Kafka has now. A running sink continues there within seconds.

Records of the old topic that are not in the table are lost: the sink's lag when the topic was deleted shows how many.
Events that are in the table already are not stored again.

Examples:
  npm run fiber -- sink accept-log
  npm run fiber -- sink accept-log --yes
`;

async function accept({ yes }: { readonly yes: boolean }): Promise<void> {
  await withSinkAccess(async ({ connections, pool, topic }) => {
    const found = await readLogStarts(connections, topic);
    const acceptance = await acceptLog(pool, { topic, found, dryRun: !yes });
    say(render(topic, found, acceptance, yes));
    if (acceptance.unknown.length > 0) process.exitCode = 1;
  });
}

function render(
  topic: string,
  { log }: LogStarts,
  { accepted, unknown }: Acceptance,
  isDone: boolean,
): string {
  if (accepted.length + unknown.length === 0) {
    return "nothing to change: all stored offsets belong to this topic and cluster\n";
  }
  const lines = [
    ...accepted.map(({ stored, to }) => ({ stored, to: to.toString() })),
    ...unknown.map((stored) => ({ stored, to: "unknown, no leader" })),
  ].map(({ stored, to }) => [
    String(stored.partition),
    stored.nextOffset.toString(),
    stored.log.topicId,
    stored.log.clusterId,
    to,
  ]);
  const heading = [
    "PARTITION",
    "STORED",
    "STORED TOPIC ID",
    "STORED CLUSTER ID",
    isDone ? "NOW STARTS AT" : "WOULD START AT",
  ];
  return [
    `In Kafka ${topic} has the id ${log.topicId}, in cluster ${log.clusterId}.`,
    renderTable([heading, ...lines]),
    isDone
      ? `${accepted.length} partitions now start at the beginning of this topic`
      : "Nothing was changed. To let them start at the beginning of this topic, add --yes",
    "",
  ].join("\n");
}
