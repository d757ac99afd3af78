import { partitionCounts } from "@fiberstream/kafka/partition-count";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { Command } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
import { time } from "../options/moment.ts";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { type RangeResult, replayRange } from "../records/replay-range.ts";
import { namesIn } from "../records/decoded-record.ts";
import { untilStopped } from "@fiberstream/terminal/stopping";
import { MissingTopicError, startOffsetsAt } from "../records/tail-topic.ts";
import { logged } from "../tables/with-pool.ts";
import { namedTopic, readTopicAccess, type TopicAccess } from "../records/topic-access.ts";
import { compileWhere, WHERE_HELP } from "@fiberstream/conditions/where";
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
    .description("copy a time range of a topic to another topic, for a backfill")
    .requiredOption(
      "--from <time>",
      "begin at this time: ISO 8601, or an age such as 30m, 6h, 2d",
      time,
    )
    .requiredOption("--to <time>", "end before this time, in the same format", time)
    .option(
      "--topic <topic>",
      "a topic of the catalogue, or any other topic",
      "probe.metrics.enriched",
    )
    .requiredOption("--into <topic>", "the topic to copy to")
    .option("--where <condition>", "copy only records that match")
    .option("--create", "create the topic if it is missing, with unlimited retention", false)
    .option("--dry-run", "only count the records that would be copied", false)
    .option("--limit <number>", "copy at most so many records", wholeNumber(1, 1e9))
    .option("--from-start", "also copy records that an earlier run has copied", false)
    .option("--force", "allow copying to a topic of FiberStream", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `${WHERE_HELP}

Key, value, timestamp and headers are copied unchanged. The headers fiber.replay.topic, .partition and .offset name the
original record. Times are compared with the records' timestamps. If the copy is interrupted, run the same command again: it
resumes where it stopped, and copies nothing once it has finished. For that, give the times in ISO 8601, because 6h is
another time at each run. Kafka stores the progress as committed offsets, by default for a week (offsets.retention.minutes).

Examples:
  npm run fiber -- replay-range --from 2026-11-24T00:00Z --to 2026-11-24T06:00Z --into team.backfill --create
  npm run fiber -- replay-range --from 6h --to 5h --into team.backfill --where 'country = "GH"' --dry-run
`;

async function run(options: Options): Promise<void> {
  const { from, to, where, dryRun, limit, fromStart, json } = options;
  if (from.ms >= to.ms) throw new Error("--from is not before --to");
  const access = readTopicAccess();
  const source = namedTopic(access.namespace, options.topic);
  const names = namesIn(source.catalogueName);
  const isWanted =
    where === undefined ? undefined : compileWhere(where, { ...(names && { names }) });
  const progress = showProgress("{copied} records copied");
  const copy = async () =>
    replayRange(
      access,
      { source, into: await targetOf(access, source.topic, options) },
      {
        range: { fromMs: from.ms, toMs: to.ms },
        where: isWanted && { text: where ?? "", isWanted },
        dryRun,
        limit,
        fromStart,
        onProgress: ({ copied, processed, total }) => progress.show(processed, total, { copied }),
        stopping: untilStopped(),
      },
    );
  const attempt = {
    action: "topic.copy",
    objectKind: "topic",
    object: options.into,
    after: {
      topic: source.topic,
      from: new Date(from.ms).toISOString(),
      to: new Date(to.ms).toISOString(),
      where,
      limit,
    },
  };
  // With --create a dry run creates the topic, too.
  const isDry = dryRun && !options.create;
  const summaryOf = ({ copied, done }: RangeResult) => ({ copied, done });
  const result = await logged(attempt, { isDry, summaryOf }, copy).finally(progress.end);
  say(json ? `${JSON.stringify(result)}\n` : renderResult(result, dryRun));
}

/** @throws {Error} when the topic is missing, or must not be written to */
export async function targetOf(
  { kafka, namespace }: Pick<TopicAccess, "kafka" | "namespace">,
  source: string,
  options: Pick<Options, "into" | "create" | "force">,
): Promise<string> {
  const { topic, catalogueName } = namedTopic(namespace, options.into);
  if (topic === source)
    throw new Error("--into is the source topic itself: each of its records would be in it twice");
  if (catalogueName !== undefined && !options.force) {
    throw new Error(
      `${topic} is a topic of FiberStream: its services would process the records again. To copy to it nevertheless, add --force`,
    );
  }
  const isMissing = await startOffsetsAt(kafka, topic, 0).then(
    () => false,
    (error: unknown) => {
      if (options.create && error instanceof MissingTopicError) return true;
      throw error;
    },
  );
  if (isMissing) {
    const [partitions = 1] = await partitionCounts({ kafka, topics: [source] });
    // Copies have the timestamps of their originals: with a limited retention Kafka might delete them at once.
    await ensureTopics({
      kafka,
      topics: [{ topic, partitions, config: { "retention.ms": "-1" } }],
    });
  }
  return topic;
}

function renderResult({ copied, done }: RangeResult, dryRun: boolean): string {
  const lines = [`${copied} ${dryRun ? "would be copied" : "copied"}`];
  if (done > 0)
    lines.push(
      `${done} offsets skipped: an earlier run has copied them (copy them again with --from-start)`,
    );
  return `${lines.join("\n")}\n`;
}
