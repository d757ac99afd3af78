import { partitionCounts } from "@fiberstream/kafka/partition-count";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { Command } from "commander";
import type { Moment } from "../dead-letters/dead-letters.ts";
import { time } from "../options/moment.ts";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { type RangeResult, replayRange } from "../records/replay-range.ts";
import { namesIn } from "../records/decoded-record.ts";
import { untilStopped } from "@fiberstream/terminal/stopping";
import { MissingTopicError, placesAt } from "../records/tail-topic.ts";
import { namedTopic, readTopicAccess, type TopicAccess } from "../records/topic-access.ts";
import { compileWhere, WHERE_HELP } from "../where/where.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type Options = {
  readonly from: Moment;
  readonly to: Moment;
  readonly topic: string;
  readonly into: string;
  readonly where?: string;
  readonly create: boolean;
  readonly dryRun: boolean;
  readonly limit?: number;
  readonly fromStart: boolean;
  readonly force: boolean;
  readonly json: boolean;
};

/** `fiber replay-range` */
export const replayRangeCommand = (): Command =>
  new Command("replay-range")
    .description("copy a time range of a topic to another topic, for a back-fill")
    .requiredOption("--from <time>", "from there, ISO 8601 or such as 30m, 6h, 2d ago", time)
    .requiredOption("--to <time>", "up to there, which is not in it", time)
    .option("--topic <topic>", "of the catalogue, or any other", "probe.metrics.enriched")
    .requiredOption("--into <topic>", "where to")
    .option("--where <condition>", "only what fulfils it")
    .option(
      "--create",
      "make the topic where it is missing; its records are kept until you delete it",
      false,
    )
    .option("--dry-run", "only count what would be copied", false)
    .option("--limit <number>", "the most to copy", wholeNumber(1, 1e9))
    .option("--from-start", "copy again what an earlier run has copied", false)
    .option("--force", "also into a topic of the platform's own", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `${WHERE_HELP}

Key, bytes, timestamp and headers stay as they were; the headers fiber.replay.topic, .partition and .offset
say where a record stood. Times are the records' timestamps. Interrupted with Ctrl-C or else, the same command
goes on where it was, and copies nothing once it has finished; give times in ISO 8601 for that, because 6h is
another time at each run. How far it is is forgotten with the cluster's offsets.retention.minutes, a week by default.

Examples:
  npm run fiber -- replay-range --from 2026-11-24T00:00Z --to 2026-11-24T06:00Z --into team.backfill --create
  npm run fiber -- replay-range --from 6h --to 5h --into team.backfill --where 'country = "GH"' --dry-run
`;

async function run(options: Options): Promise<void> {
  const { from, to, where, dryRun, limit, fromStart, json } = options;
  if (from.ms >= to.ms) throw new Error("--from is not before --to");
  const access = readTopicAccess();
  const source = namedTopic(access.namespace, options.topic);
  const into = await targetOf(access, source.topic, options);
  const names = namesIn(source.catalogueName);
  const isWanted =
    where === undefined ? undefined : compileWhere(where, { ...(names && { names }) });
  const progress = showProgress("{copied} records copied");
  const result = await replayRange(
    access,
    { source, into },
    {
      range: { fromMs: from.ms, toMs: to.ms },
      where: isWanted && { text: where ?? "", isWanted },
      dryRun,
      limit,
      fromStart,
      onProgress: ({ copied, looked, of }) => progress.show(looked, of, { copied }),
      stopping: untilStopped(),
    },
  ).finally(progress.end);
  say(json ? `${JSON.stringify(result)}\n` : renderResult(result, dryRun));
}

/** @throws {Error} when it is not to be written to, or is missing */
export async function targetOf(
  { kafka, namespace }: Pick<TopicAccess, "kafka" | "namespace">,
  source: string,
  options: Pick<Options, "into" | "create" | "force">,
): Promise<string> {
  const { topic, catalogueName } = namedTopic(namespace, options.into);
  if (topic === source) throw new Error("--into is the topic itself: its records would come twice");
  if (catalogueName !== undefined && !options.force) {
    throw new Error(
      `${topic} is the platform's own: its services would work on the records again; --force does it all the same`,
    );
  }
  const isMissing = await placesAt(kafka, topic, 0).then(
    () => false,
    (error: unknown) => {
      if (options.create && error instanceof MissingTopicError) return true;
      throw error;
    },
  );
  if (isMissing) {
    const [partitions = 1] = await partitionCounts({ kafka, topics: [source] });
    // Copies are as old as their originals: kept for a time, they might go as soon as they come.
    await ensureTopics({
      kafka,
      topics: [{ topic, partitions, config: { "retention.ms": "-1" } }],
    });
  }
  return topic;
}

function renderResult({ copied, done }: RangeResult, dryRun: boolean): string {
  const lines = [`${copied} ${dryRun ? "would be copied" : "copied"}`];
  if (done > 0) lines.push(`${done} offsets left out: an earlier run has done them (--from-start)`);
  return `${lines.join("\n")}\n`;
}
