import { setTimeout as delay } from "node:timers/promises";
import { kafkaFailure } from "@fiberstream/kafka/kafka-errors";
import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import { Command } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
import { time } from "../../options/moment.ts";
import { type Move, recordsLeft, rewindSink } from "../../tables/rewind-sink.ts";
import { type SinkAccess, withSinkAccess } from "./sink-access.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say } from "@fiberstream/terminal/say";

type Options = {
  readonly to?: Moment;
  readonly offset?: number;
  readonly partition?: number;
  readonly dryRun: boolean;
  readonly wait: boolean;
};

const POLL_INTERVAL_MS = 500;

/** `fiber sink rewind` */
export const sinkRewindCommand = (): Command =>
  new Command("rewind")
    .description(
      "move the sink's offsets, to read records again or to resume where Kafka still has records",
    )
    .option(
      "--to <time>",
      "read again from this time: ISO 8601, or an age such as 30m, 6h, 2d",
      time,
    )
    .option("--offset <number>", "resume at this offset", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--partition <number>", "only this partition", wholeNumber(0, 1e6))
    .option("--dry-run", "only show the moves", false)
    .option("--no-wait", "do not wait until the sink has read the records")
    .addHelpText("after", HELP)
    .action(rewind);

const HELP = `
A running sink continues at the new offsets within seconds. Events that are in the table already are not stored again.
Events that are older than the retention of metrics are stored, and the next retention run drops them.
A partition without a stored offset begins at its first record; it gets a stored offset.
If the sink has stopped a partition because Kafka does not have its next offset, --offset 0 lets the partition resume at the
first record that Kafka has.

Examples:
  npm run fiber -- sink rewind --to 6h --dry-run
  npm run fiber -- sink rewind --to 2026-11-24T12:00:00Z
  npm run fiber -- sink rewind --offset 0 --partition 3
`;

async function rewind(options: Options): Promise<void> {
  if ((options.to === undefined) === (options.offset === undefined)) {
    throw new Error("give either --to or --offset");
  }
  await withSinkAccess((access) => rewindWith(access, options));
}

async function rewindWith(
  { kafka, connections, pool, topic }: SinkAccess,
  { to, offset, partition, dryRun, wait }: Options,
): Promise<void> {
  const currentLog = async () => {
    const { log } = await connections.topicMetadata(topic).catch((error: unknown) => {
      throw kafkaFailure(error);
    });
    return log;
  };
  const log = await currentLog();
  const all = await offsetsAt({ kafka, topic, timeMs: to?.ms ?? 0 });
  if (isAnotherLog(log, await currentLog())) {
    throw new Error(
      `${topic} was recreated during the command. Nothing was moved; run the command again`,
    );
  }
  const moves = await rewindSink(pool, {
    topic,
    log,
    offsets: all.filter((entry) => partition === undefined || entry.partition === partition),
    target: offset === undefined ? { kind: "time" } : { kind: "offset", offset: BigInt(offset) },
    dryRun,
  });
  say(renderMoves(moves, dryRun));
  if (!dryRun && wait) await untilRead(() => recordsLeft(pool, topic, moves));
}

function renderMoves(moves: readonly Move[], dryRun: boolean): string {
  if (moves.length === 0) return "nothing to move\n";
  const lines = moves.map(
    ({ partition, from, to }) =>
      `partition ${partition}: ${dryRun ? "would resume" : "resumes"} at offset ${to} ` +
      (from === undefined ? "and had no stored offset" : `instead of ${from}`),
  );
  return `${lines.join("\n")}\n`;
}

/** Waits until the sink has read all of them, with a progress bar on a terminal. Ctrl-C ends only the waiting. */
async function untilRead(left: () => Promise<number>): Promise<void> {
  const total = await left();
  if (total === 0) return;
  const bar = showProgress("{value} of {total} records read again");
  for (let rest = total; rest > 0; rest = await left()) {
    bar.show(total - rest, total, {});
    await delay(POLL_INTERVAL_MS);
  }
  bar.show(total, total, {});
  bar.end();
  say(`${total} records read again\n`);
}
