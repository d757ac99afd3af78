import { renderTable } from "@fiberstream/terminal/table";
import { Command, InvalidArgumentError } from "commander";
import {
  daysOfNode,
  type QualityRow,
  type QualitySum,
  sumOfDay,
  worstNodes,
} from "../tables/quality-table.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { withPool } from "../tables/with-pool.ts";
import { say } from "@fiberstream/terminal/say";

type Options = {
  readonly day?: string;
  readonly node?: string;
  readonly worst: number;
  readonly json: boolean;
};

/** `fiber quality` */
export const qualityCommand = (): Command =>
  new Command("quality")
    .description("show how complete and timely the events of a day are, and the worst nodes")
    .option("--day <day>", "today, yesterday, or a day such as 2026-11-24 (UTC)", day)
    .option("--node <id>", "show the last days of this node instead")
    .option("--worst <number>", "how many nodes or days to show", wholeNumber(1, 1e6), 10)
    .option("--json", "print JSON", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
The sink measures the current day every 5 minutes, and each day once more 10 minutes and a day after its end. How it
measures: docs/quality.md. The exit code is 1 if the day has not been measured yet.

Examples:
  npm run fiber -- quality --day yesterday --worst 20
  npm run fiber -- quality --node probe-accra-01 --json
`;

async function run({ day: given, node, worst, json }: Options): Promise<void> {
  if (given !== undefined && node !== undefined)
    throw new Error("--day and --node cannot be combined");
  await withPool(async (pool) => {
    if (node !== undefined) {
      const days = await daysOfNode(pool, { nodeId: node, limit: worst });
      if (days.length === 0) process.exitCode = 1;
      say(json ? `${JSON.stringify(days)}\n` : renderDays(node, days));
      return;
    }
    const wanted = given ?? day("today");
    const sum = await sumOfDay(pool, wanted);
    const nodes = await worstNodes(pool, { day: wanted, limit: worst });
    if (sum === undefined || sum.measured_at === null) process.exitCode = 1;
    say(
      json
        ? `${JSON.stringify({ day: wanted, ...sum, worst: nodes })}\n`
        : renderQuality(wanted, sum, nodes),
    );
  });
}

/** @throws {InvalidArgumentError} */
export function day(text: string): string {
  const back = { today: 0, yesterday: 1 }[text];
  const at = back === undefined ? new Date(text) : new Date(Date.now() - back * DAY_MS);
  const iso = Number.isNaN(at.getTime()) ? undefined : at.toISOString().slice(0, 10);
  if (iso !== undefined && (back !== undefined || iso === text)) return iso;
  throw new InvalidArgumentError("It must be today, yesterday, or a day such as 2026-11-24.");
}

const DAY_MS = 24 * 60 * 60 * 1_000;

export function renderQuality(
  dayName: string,
  sum: QualitySum | undefined,
  nodes: readonly QualityRow[],
): string {
  if (sum === undefined || sum.measured_at === null) {
    return `No measurement of ${dayName} yet. The sink measures the current day every 5 minutes.\n`;
  }
  const faults = [
    [sum.late, "late"],
    [sum.ahead, "in the future"],
    [sum.out_of_range, "out of range"],
    [sum.conflicts, "in conflict"],
    [sum.repeats, "duplicate"],
  ] as const;
  return [
    `${dayName}: ${sum.events} events of ${sum.nodes} nodes, ${percent(sum.completeness)} of the expected number`,
    faults.map(([count, what]) => `${count} ${what}`).join(", "),
    `as of ${sum.measured_at.toISOString()}`,
    "",
    renderRows("NODE", nodes, ({ node_id }) => node_id),
    "",
  ].join("\n");
}

const renderDays = (node: string, days: readonly QualityRow[]): string =>
  days.length === 0
    ? `No measurement of ${node} yet.\n`
    : `${renderRows("DAY", days, (row) => row.day)}\n`;

function renderRows(
  heading: string,
  rows: readonly QualityRow[],
  nameOf: (row: QualityRow) => string,
): string {
  const cells = rows.map((row) => [
    nameOf(row),
    percent(row.completeness),
    String(row.events),
    row.expected === null ? "-" : String(row.expected),
    seconds(row.interval_s),
    String(row.gaps),
    seconds(row.longest_gap_s),
    String(row.late),
    String(row.ahead),
    seconds(row.delay_p50_ms === null ? null : row.delay_p50_ms / 1_000),
    String(row.out_of_range),
    String(row.conflicts),
    String(row.repeats),
  ]);
  return renderTable([[heading, ...HEADINGS], ...cells]);
}

const HEADINGS = [
  "COMPLETE",
  "EVENTS",
  "EXPECTED",
  "INTERVAL",
  "GAPS",
  "LONGEST",
  "LATE",
  "IN FUTURE",
  "DELAY",
  "OUT OF RANGE",
  "CONFLICTS",
  "DUPLICATES",
] as const;

/** Rounds down, so that 100 % means that no event is missing. */
const percent = (share: number | null): string =>
  share === null ? "-" : `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;

const seconds = (value: number | null): string => (value === null ? "-" : `${value.toFixed(1)} s`);
