import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
import { time } from "../options/moment.ts";
import { type EventDifference, eventDifferences } from "../tables/event-differences.ts";
import {
  type Equation,
  type ReconciledMinute,
  reconciledMinutes,
} from "../tables/reconciled-table.ts";
import { readTopicAccess } from "../records/topic-access.ts";
import { withPool } from "../tables/with-pool.ts";
import { say } from "@fiberstream/terminal/say";

type Options = {
  readonly from?: Moment;
  readonly to?: Moment;
  readonly partitions: boolean;
  readonly look: boolean;
  readonly json: boolean;
};

/** `fiber reconcile` */
export const reconcileCommand = (): Command =>
  new Command("reconcile")
    .description(
      "check that each event of a time range is accounted for, from probe.metrics.raw to its row",
    )
    .option(
      "--from <time>",
      "begin at this time: ISO 8601, or an age such as 30m, 6h, 2d; default: 1h",
      time,
    )
    .option("--to <time>", "end before this time, in the same format; default: now", time)
    .option("--partitions", "print the counts of each partition", false)
    .option("--no-look", "do not search the topics for the events that differ")
    .option("--json", "print one JSON object per minute", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
Minutes are those of received_at. The sink reconciles a minute two minutes after its end, when all stages have processed it:

  raw      = enriched + duplicates + dead letters
  enriched = rows + duplicates + conflicts + dead letters

Digests of the event_ids show that these are the same events, also in the table. For a minute that differs, this command
reads the topics and the table, and lists the events, ordered by offset. More: docs/reconciliation.md.
The exit code is 1 if something differs, and 2 if nothing differs but a result is not known.

Examples:
  npm run fiber -- reconcile --from 6h
  npm run fiber -- reconcile --from 2026-11-24T12:00:00Z --to 2026-11-24T12:10:00Z --partitions
`;

async function run({ from, to, partitions, look, json }: Options): Promise<void> {
  await withPool(async (pool) => {
    const toMs = to?.ms ?? Date.now();
    const range = { from: new Date(from?.ms ?? toMs - HOUR_MS), to: new Date(toMs) };
    const minutes = await reconciledMinutes(pool, range);
    for (const minute of minutes) {
      const differing = minute.findings.filter(({ verdict }) => verdict === "differs");
      const places = new Set(differing.map(({ partition }) => partition));
      const differences: EventDifference[] = [];
      for (const partition of look ? places : []) {
        differences.push(
          ...(await eventDifferences({
            access: readTopicAccess(),
            pool,
            minuteMs: minute.minute.getTime(),
            partition: partition ?? undefined,
          })),
        );
      }
      const found = distinct(differences);
      say(
        json
          ? `${JSON.stringify({ ...minute, differences: found })}\n`
          : renderMinute(minute, found, { partitions }),
      );
    }
    if (minutes.length === 0 && !json) say("no events in this time range\n");
    const verdicts = new Set(minutes.map(({ verdict }) => verdict));
    if (verdicts.has("differs")) process.exitCode = 1;
    else if (verdicts.has("not known")) process.exitCode = 2;
  });
}

/** Removes doubles: the findings of a partition and of the table may name the same event. */
const distinct = (differences: readonly EventDifference[]): EventDifference[] => [
  ...new Map(differences.map((one) => [`${one.event_id} ${one.what}`, one])).values(),
];

/** Returns one line for the minute, then its findings. */
export function renderMinute(
  { minute, verdict, findings, equations }: ReconciledMinute,
  differences: readonly EventDifference[],
  { partitions }: { partitions: boolean },
): string {
  const [whole, ...each] = equations;
  const lines = [
    `${minute.toISOString().slice(0, 16)}Z  ${verdict ?? "open"}  ${whole ? equationText(whole) : ""}`,
  ];
  for (const finding of findings) {
    const place = finding.partition === null ? "" : ` partition ${finding.partition}`;
    const offset = finding.offset === null ? "" : `, first offset ${finding.offset}`;
    lines.push(`  ${finding.verdict}: ${finding.hop}${place}: ${finding.why}${offset}`);
  }
  if (differences.length > 0) {
    const shown = differences.slice(0, MAX_EVENTS_SHOWN);
    lines.push(
      renderTable([
        ["  EVENT", "WHAT", "TOPIC", "PARTITION", "OFFSET"],
        ...shown.map((one) => [
          `  ${one.event_id}`,
          one.what,
          one.topic ?? "-",
          String(one.partition ?? "-"),
          one.offset ?? "-",
        ]),
      ]),
    );
    const more = differences.length - shown.length;
    if (more > 0) lines.push(`  and ${more} more (all of them: --json)`);
  }
  for (const one of partitions ? each : []) {
    lines.push(`  partition ${one.partition}  ${equationText(one)}`);
  }
  return `${lines.join("\n")}\n`;
}

const MAX_EVENTS_SHOWN = 20;
const HOUR_MS = 3_600_000;

const equationText = (counts: Equation): string =>
  `raw ${counts.raw} = enriched ${counts.enriched} + duplicates ${counts.repeats} + dead letters ${counts.dead};  ` +
  `enriched: read ${counts.sink_read} = rows ${counts.rows} + duplicates ${counts.sink_repeats} + conflicts ${counts.conflicts} + dead letters ${counts.sink_dead}`;
