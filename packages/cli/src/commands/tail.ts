import { terminalLines } from "@fiberstream/runtime/terminal-text";
import { Command, Option } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
import { time } from "../options/moment.ts";
import { createRecordOutput, OUTPUT_FORMATS, type OutputFormat } from "../records/record-output.ts";
import { namesIn } from "../records/decoded-record.ts";
import { sayAside } from "@fiberstream/terminal/say";
import { print, untilStopped } from "@fiberstream/terminal/stopping";
import { tailTopic } from "../records/tail-topic.ts";
import { namedTopic, readTopicAccess } from "../records/topic-access.ts";
import { compileWhere, WHERE_HELP } from "@fiberstream/conditions/where";
import type { Condition } from "@fiberstream/conditions/where-values";
import { wholeNumber } from "@fiberstream/terminal/numbers";

type Options = {
  readonly node?: string;
  readonly country?: string;
  readonly where?: string;
  readonly since?: Moment;
  readonly until?: Moment;
  readonly fromBeginning: boolean;
  readonly limit?: number;
  readonly output: OutputFormat;
  readonly columns?: string;
  readonly escapeFormulas: boolean;
};

/** `fiber tail [topic]` */
export const tailCommand = (): Command =>
  new Command("tail")
    .description("print the decoded records of a topic as they arrive, without a consumer group")
    .argument("[topic]", "a topic of the catalogue, or any other topic", "probe.metrics.enriched")
    .option("--node <id>", "only records of this node")
    .option("--country <code>", "only records of this country (two capital letters)")
    .option("--where <condition>", "only records that match, such as 'latency_ms > 200'")
    .option(
      "--since <time>",
      "begin at this time: ISO 8601, or an age such as 30s, 10m, 6h, 2d",
      time,
    )
    .option("--from-beginning", "begin at the oldest record of the topic", false)
    .option("--until <time>", "end at this time, in the same format; 0s is now", time)
    .option("--limit <number>", "end after so many records", wholeNumber(1, 1e9))
    .addOption(new Option("--output <format>", "how").choices(OUTPUT_FORMATS).default("table"))
    .option("--columns <names>", "the fields to show, separated by commas (table, csv)")
    .option(
      "--escape-formulas",
      "CSV for a spreadsheet: put a ' before texts that look like a formula",
      false,
    )
    .addHelpText("after", HELP)
    .action(tail);

const HELP = `${WHERE_HELP}

--since and --until are compared with the records' timestamps. Only committed records are shown. Records of one node are in
order; records of different nodes almost.

Examples:
  npm run fiber -- tail --country GH --where 'latency_ms > 200'
  npm run fiber -- tail probe.metrics.dead-letter --since 6h --until 0s
  npm run fiber -- tail probe.nodes --from-beginning --until 0s --output json
  npm run --silent fiber -- tail --since 10m --until 0s --output csv > last.csv
`;

async function tail(name: string, options: Options): Promise<void> {
  const { since, until, fromBeginning, limit, output, columns, escapeFormulas } = options;
  if (since !== undefined && fromBeginning)
    throw new Error("--since and --from-beginning cannot be combined");
  if (until !== undefined && until.ms > Date.now()) {
    throw new Error("--until is in the future. Leave it out, and stop the command with Ctrl-C");
  }
  const access = readTopicAccess();
  const topic = namedTopic(access.namespace, name);
  const isWanted = wantedBy(options, namesIn(topic.catalogueName));
  const stopping = untilStopped();
  const format = createRecordOutput({
    format: output,
    columns: columns?.split(",").map((column) => column.trim()),
    isColoured: process.stdout.isTTY && process.stdout.hasColors(),
    escapeFormulas,
  });
  const onUnavailable = (reason: string) =>
    sayAside(`fiber: Kafka is unavailable (${reason}), retrying\n`);
  const from = fromBeginning ? "beginning" : (since?.ms ?? "now");
  const tailing = { from, untilMs: until?.ms, limit, isWanted, stopping, onUnavailable } as const;
  for await (const records of tailTopic(access, topic, tailing)) {
    const text = format(records);
    // A file gets the original text; on a terminal it could contain control sequences.
    const isShown = output === "csv" && process.stdout.isTTY;
    await print(isShown ? terminalLines(text) : text, stopping);
    if (stopping.aborted) return;
  }
}

/** The node of a record is its key, even if its value cannot be decoded. The country of a dead letter is that of its record. */
export function wantedBy(
  { node, country, where }: Pick<Options, "node" | "country" | "where">,
  names: readonly string[] | undefined,
): Condition {
  const condition =
    where === undefined ? () => true : compileWhere(where, { ...(names && { names }) });
  return (look) => {
    if (node !== undefined && look("key") !== node) return false;
    if (country !== undefined && countryOf(look("country"), look("record")) !== country)
      return false;
    return condition(look);
  };
}

const countryOf = (own: unknown, inner: unknown): unknown =>
  own ?? (inner as { country?: unknown } | null)?.country;
