import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import type { Moment } from "../dead-letters/dead-letters.ts";
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
    .description("check that each event of a time range is accounted for, from raw to its row")
    .option("--from <time>", "ISO 8601 or such as 30m, 6h, 2d ago; default 1h", time)
    .option("--to <time>", "in the same way; default now", time)
    .option("--partitions", "an equation for each partition of every minute", false)
    .option("--no-look", "do not read the topics for the events that differ")
    .option("--json", "as JSON, one line for each minute", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
A minute is of received_at. The sink closes its books two minutes after its end, when all stages have passed it:

  raw      = enriched + repeats + dead letters
  enriched = rows + repeats + conflicts + dead letters

and by a digest of the event_ids that these are the same events, in the table too. Of what differs, the topics
and the table are read, and the events named, the first offset first. docs/reconciliation.md says how it is known.
Exit code 1 when something differs, 2 when nothing differs but something is not known.

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
    if (minutes.length === 0 && !json) say("no events in that time\n");
    const verdicts = new Set(minutes.map(({ verdict }) => verdict));
    if (verdicts.has("differs")) process.exitCode = 1;
    else if (verdicts.has("not known")) process.exitCode = 2;
  });
}

/** A partition's and the table's findings may name the same event. */
const distinct = (differences: readonly EventDifference[]): EventDifference[] => [
  ...new Map(differences.map((one) => [`${one.event_id} ${one.what}`, one])).values(),
];

/** One line for the minute, then what is amiss. */
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
    const shown = differences.slice(0, MOST_EVENTS);
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
    if (more > 0) lines.push(`  and ${more} more; --json has all of them`);
  }
  for (const one of partitions ? each : []) {
    lines.push(`  partition ${one.partition}  ${equationText(one)}`);
  }
  return `${lines.join("\n")}\n`;
}

const MOST_EVENTS = 20;
const HOUR_MS = 3_600_000;

const equationText = (one: Equation): string =>
  `raw ${one.raw} = enriched ${one.enriched} + repeats ${one.repeats} + dead ${one.dead};  ` +
  `enriched: read ${one.sink_read} = rows ${one.rows} + repeats ${one.sink_repeats} + conflicts ${one.conflicts} + dead ${one.sink_dead}`;
