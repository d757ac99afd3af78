import { Command, Option } from "commander";
import type { Moment } from "../dead-letters/dead-letters.ts";
import { time } from "../options/moment.ts";
import type { ExportSource } from "../export/columns.ts";
import { EXPORT_FORMATS, type ExportFormat, exportRows } from "../export/export-file.ts";
import { EXPORT_TABLES, type ExportTable, tableSource } from "../export/table-source.ts";
import { topicSource } from "../export/topic-source.ts";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { untilStopped } from "@fiberstream/terminal/stopping";
import type { TimeRange } from "../options/time-range.ts";
import { namedTopic, readTopicAccess } from "../records/topic-access.ts";
import { withPool } from "../tables/with-pool.ts";
import { say, sayAside } from "@fiberstream/terminal/say";

type Options = {
  readonly format: ExportFormat;
  readonly from?: Moment;
  readonly to?: Moment;
  readonly topic: string;
  readonly table?: ExportTable;
  readonly output: string;
  readonly escapeFormulas: boolean;
};

/** `fiber export` */
export const exportCommand = (): Command =>
  new Command("export")
    .description("write a time range of a topic or of a table to a file")
    .addOption(
      new Option("--format <format>", "of the file").choices(EXPORT_FORMATS).default("parquet"),
    )
    .option(
      "--from <time>",
      "from there, ISO 8601 or such as 6h, 2d ago; else from the oldest on",
      time,
    )
    .option("--to <time>", "up to there, which is not in it; else up to now", time)
    .option("--topic <topic>", "a topic of the catalogue", "probe.metrics.enriched")
    .addOption(new Option("--table <table>", "a table instead").choices(EXPORT_TABLES))
    .requiredOption(
      "--output <file>",
      "where to write: a regular file, or one that is not there yet",
    )
    .option(
      "--escape-formulas",
      "csv for a spreadsheet: a ' before texts that it would take for a formula",
      false,
    )
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
A topic needs no access to the database, goes back as far as it is kept (probe.metrics.enriched: 30 days), and
has the node's data as it was then. Its range is by when a gateway took an event in. A repeat that came more than
10 minutes after its event is in it twice: keep one row of each event_id.
A table has each event once, goes by when it was measured, and is sorted by that; metrics_enriched has the node's
data as it is now.

Times are kept to the microsecond (Parquet: TIMESTAMP, UTC; else ISO 8601), event_id is a UUID, metadata and tags
are JSON (Parquet and CSV: as text). An export that is interrupted leaves no file.
In CSV an empty cell is what is not there, and "" is an empty text. What a sender wrote stays as it was, a text
that begins with = too: with --escape-formulas a spreadsheet shows it and does not reckon it.

Examples:
  npm run fiber -- export --from 2026-11-24T00:00Z --to 2026-11-25T00:00Z --output day.parquet
  npm run fiber -- export --table metrics --from 6h --format csv --output metrics.csv
`;

async function run({ format, output, escapeFormulas, from, to, ...what }: Options): Promise<void> {
  const range = { fromMs: from?.ms ?? 0, toMs: to?.ms ?? Date.now() };
  if (range.fromMs >= range.toMs) throw new Error("--from is not before --to");
  if (escapeFormulas && format !== "csv") throw new Error("--escape-formulas is for --format csv");
  const faults = new Map<string, number>();
  const progress = showProgress("{rows} rows");
  const stopping = untilStopped();
  const rows = await withSource(what, range, faults, (source) =>
    exportRows(source, {
      path: output,
      format,
      escapeFormulas,
      onProgress: ({ rows: count, share }) => progress.show(share, 1, { rows: count }),
      stopping,
    }),
  ).finally(progress.end);
  for (const [message, count] of faults) {
    sayAside(`fiber: ${count} records left out: ${message}\n`);
  }
  if (rows === undefined) throw new Error("stopped, nothing is written");
  say(`${rows} rows written to ${output}\n`);
}

async function withSource<T>(
  { topic, table }: Pick<Options, "topic" | "table">,
  range: TimeRange,
  faults: Map<string, number>,
  work: (source: ExportSource) => Promise<T>,
): Promise<T> {
  if (table === undefined) {
    const access = readTopicAccess();
    const named = namedTopic(access.namespace, topic);
    const onFault = (message: string) => faults.set(message, (faults.get(message) ?? 0) + 1);
    return work(topicSource({ access, named, range, onFault }));
  }
  return withPool(async (pool) => work(await tableSource(pool, table, range)));
}
