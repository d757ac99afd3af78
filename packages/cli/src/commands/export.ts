import { Command, Option } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
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
    .description("write a time range of a topic or a table to a file")
    .addOption(
      new Option("--format <format>", "the file format").choices(EXPORT_FORMATS).default("parquet"),
    )
    .option(
      "--from <time>",
      "begin at this time: ISO 8601, or an age such as 6h, 2d; default: the oldest record",
      time,
    )
    .option("--to <time>", "end before this time; default: now", time)
    .option("--topic <topic>", "the topic, one of the catalogue", "probe.metrics.enriched")
    .addOption(
      new Option("--table <table>", "export this table instead of a topic").choices(EXPORT_TABLES),
    )
    .requiredOption(
      "--output <file>",
      "the file to write: a regular file, or a path that does not exist yet",
    )
    .option(
      "--escape-formulas",
      "CSV for a spreadsheet: put a ' before texts that look like a formula",
      false,
    )
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
From a topic: needs no access to the database, reaches back as far as the topic's retention (probe.metrics.enriched: 30
days), and has the node's data at the time of the event. The range is that of received_at. A duplicate that arrived more
than 10 minutes after its event is in the file twice: keep one row for each event_id.
From a table: has each event once, ordered by the time of the measurement, to which the range applies too. metrics_enriched
has the node's data as it is now.

Times have microseconds (Parquet: TIMESTAMP in UTC; other formats: ISO 8601). event_id is a UUID. metadata and tags are
JSON (in Parquet and CSV: as text), rtts_ms is a list (in CSV: JSON). An interrupted export leaves no file.
In CSV an empty cell is null, and "" is an empty text. Texts are exported as they were sent, also those that begin with =.
With --escape-formulas a spreadsheet shows such a text, and does not compute it.

Examples:
  npm run fiber -- export --from 2026-11-24T00:00Z --to 2026-11-25T00:00Z --output day.parquet
  npm run fiber -- export --table metrics --from 6h --format csv --output metrics.csv
`;

async function run({ format, output, escapeFormulas, from, to, ...what }: Options): Promise<void> {
  const range = { fromMs: from?.ms ?? 0, toMs: to?.ms ?? Date.now() };
  if (range.fromMs >= range.toMs) throw new Error("--from is not before --to");
  if (escapeFormulas && format !== "csv") throw new Error("--escape-formulas needs --format csv");
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
    sayAside(`fiber: ${count} records skipped: ${message}\n`);
  }
  if (rows === undefined) throw new Error("stopped; no file was written");
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
