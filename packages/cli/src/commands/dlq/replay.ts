import { randomUUID } from "node:crypto";
import type { DeadLetterFilter } from "@fiberstream/kafka/dead-letters";
import { replayDeadLetters } from "@fiberstream/kafka/replay-dead-letters";
import type { ReplayCounts } from "@fiberstream/kafka/replay-selection";
import { Command } from "commander";
import { withDeadLetters } from "../../dead-letters/dead-letter-access.ts";
import { logged } from "../../tables/with-pool.ts";
import { withFilter } from "./filter-options.ts";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type Options = DeadLetterFilter & {
  readonly dryRun: boolean;
  readonly limit?: number;
  readonly rate?: number;
  readonly maxReplays: number;
  readonly fromStart: boolean;
  readonly json: boolean;
};

/** `fiber dlq replay` */
export const dlqReplayCommand = (): Command =>
  withFilter(new Command("replay"))
    .description("send dead letters back to their original topic")
    .option("--dry-run", "only count the records that would be sent", false)
    .option("--limit <number>", "send at most so many records", wholeNumber(1, 1e9))
    .option("--rate <number>", "send at most so many records per second", wholeNumber(1, 1e6))
    .option(
      "--max-replays <number>",
      "skip dead letters that were already replayed this many times",
      wholeNumber(1, 1_000),
      3,
    )
    .option(
      "--from-start",
      "also send records that an earlier replay with this filter has sent",
      false,
    )
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", HELP)
    .action(({ dryRun, limit, rate, maxReplays, fromStart, json, ...filter }: Options) =>
      withDeadLetters(async (access) => {
        const progress = showProgress("{done} sent");
        const stop = new AbortController();
        process.once("SIGINT", () => stop.abort());
        const attempt = {
          action: "dead_letters.replay",
          objectKind: "topic",
          object: access.topic,
          after: { filter, limit, maxReplays, fromStart },
        };
        const result = await logged(attempt, { isDry: dryRun, summaryOf: (counts) => counts }, () =>
          replayDeadLetters(access, {
            filter,
            dryRun,
            limit,
            rate,
            maxReplays,
            fromStart,
            run: randomUUID(),
            onProgress: ({ counts, processed, total }) =>
              progress.show(Number(processed), Number(total), { done: counts.replayed }),
            stopping: stop.signal,
          }),
        ).finally(progress.end);
        say(json ? `${JSON.stringify(result)}\n` : renderResult(result, dryRun));
      }),
    );

const HELP = `
Fix the cause first: a replay sends the original bytes, without the headers of the failure.
If it is interrupted, run it again with the same filter: it resumes where it stopped. It takes over from a replay with the
same filter that still runs, here or as a job that the console runs. Replayed records arrive
after newer events of the same node: a replay does not keep the order of a node's events.

Examples:
  npm run fiber -- dlq replay --class unknown-schema --dry-run
  npm run fiber -- dlq replay --class too-old --since 6h --rate 500
`;

function renderResult(
  { replayed, quarantined, doubles, cut, foreign }: ReplayCounts,
  dryRun: boolean,
): string {
  const lines = [`${replayed} ${dryRun ? "would be sent" : "sent"} to their original topics`];
  if (quarantined > 0) lines.push(`${quarantined} skipped: replayed too often (--max-replays)`);
  if (cut > 0) {
    lines.push(
      `${cut} skipped: too large, the dead letter has only the beginning of the record (see fiber dlq show)`,
    );
  }
  if (foreign > 0) {
    lines.push(`${foreign} skipped: they name a topic that dead letters do not come from`);
  }
  if (doubles > 0) lines.push(`${doubles} skipped: the same record again`);
  return `${lines.join("\n")}\n`;
}
