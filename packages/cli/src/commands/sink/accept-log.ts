import { renderTable } from "@fiberstream/terminal/table";
import { type LogStarts, readLogStarts } from "@fiberstream/kafka/log-starts";
import { Command } from "commander";
import { type Acceptance, acceptLog } from "../../tables/accept-log.ts";
import { withSinkAccess } from "./sink-access.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber sink accept-log` */
export const sinkAcceptLogCommand = (): Command =>
  new Command("accept-log")
    .description("start the sink on a topic that was created again, or on another cluster")
    .option("--yes", "do it; without, only show what would be done", false)
    .addHelpText("after", HELP)
    .action(accept);

const HELP = `
Beside each stored offset stands which topic of which cluster it is of. Where Kafka has another one the
partition stops. This command shows both, and with --yes has those partitions begin at the first record of
the topic that Kafka has now. A running sink follows within seconds.

Whatever the old topic had that is not in the table yet is not written any more: the lag that the sink had
when the topic went away says how much that is. Events that are stored already are left out by their identity.

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
    return "nothing to accept: no stored offset is of another log\n";
  }
  const lines = [
    ...accepted.map(({ stored, to }) => ({ stored, to: to.toString() })),
    ...unknown.map((stored) => ({ stored, to: "not known, has no leader" })),
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
    "OF TOPIC",
    "OF CLUSTER",
    isDone ? "BEGINS AT" : "WOULD BEGIN AT",
  ];
  return [
    `Kafka has ${topic} with the id ${log.topicId} in cluster ${log.clusterId}.`,
    renderTable([heading, ...lines]),
    isDone
      ? `${accepted.length} partitions begin with this log`
      : "nothing was changed, --yes has them begin with this log",
    "",
  ].join("\n");
}
