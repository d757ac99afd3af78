import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename } from "node:path";
import type { PgPool } from "@fiberstream/postgres/pool";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say, sayAside } from "@fiberstream/terminal/say";
import { untilStopped } from "@fiberstream/terminal/stopping";
import { Command, Option } from "commander";
import { forecastImport, type ImportForecast } from "../import/dry-run.ts";
import { formatOf, IMPORT_FORMATS, type ImportFormat } from "../import/file-rows.ts";
import { importFile, type ImportedFile } from "../import/import-file.ts";
import { digestOf, type ImportPosition, readPosition } from "../import/import-position.ts";
import { createPace } from "../import/pace.ts";
import { openRejectedRows } from "../import/rejected-rows.ts";
import { createEventReader, type EventReader } from "../import/row-event.ts";
import { createUntilRolledUp, rollUpsAreBehind } from "../import/until-rolled-up.ts";
import { isoMicros } from "../records/micros.ts";
import { withPool } from "../tables/with-pool.ts";
import { tenantName } from "./keys/tenant-name.ts";

type Options = {
  readonly format?: ImportFormat;
  readonly tenant: string;
  readonly rate: number;
  readonly batchRows: number;
  readonly maxRejected: number;
  readonly rejected?: string;
  readonly allowExpired: boolean;
  readonly again: boolean;
  readonly dryRun: boolean;
};

/** `fiber import` */
export const importCommand = (): Command =>
  new Command("import")
    .description("read events of the past from a file into the table metrics")
    .argument("<file>", "a file in CSV, NDJSON or Parquet")
    .addOption(
      new Option("--format <format>", "the file format; default: by the file's suffix").choices(
        IMPORT_FORMATS,
      ),
    )
    .option("--tenant <tenant>", "the tenant of rows that name none", tenantName, "default")
    .option("--rate <rows>", "at most so many rows a second", wholeNumber(1, 1e6), 5_000)
    .option("--batch-rows <rows>", "rows in one transaction", wholeNumber(1, 10_000), 1_000)
    .option("--max-rejected <rows>", "stop when more are rejected", wholeNumber(0, 1e9), 1_000)
    .option("--rejected <file>", "where rejected rows go; default: <file>.rejected.ndjson")
    .option("--allow-expired", "also import rows that only roll-ups are kept of", false)
    .option("--again", "import a file again that was imported before", false)
    .option("--dry-run", "only check the file, and say what would be imported", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
A row has what a probe sends, by the same names (docs/http.md), or what fiber export has written. In CSV the first line
names the columns; metadata is JSON. Each row is checked by the rules of the gateway, but it may be of any age, and gets
the same event_id. So an event that is stored already is not stored again: an import may be repeated, and may overlap with
live traffic. The first content of an event stays; another one goes to metric_conflicts.

An import that was interrupted resumes where it ended: run the same command again. Rows that are rejected are in a file,
one JSON object a line, with the line and the reason. Without received_at a row gets the time of its measurement.

Sort large files by time: then each batch touches few chunks of the table.

Examples:
  npm run fiber -- import october.parquet --dry-run
  npm run fiber -- import october.csv --tenant acme --rate 2000 --allow-expired
`;

async function run(path: string, options: Options): Promise<void> {
  const format = options.format ?? formatOf(path);
  const { tenant } = options;
  const file: ImportedFile = {
    path,
    format,
    key: { digest: await digestOf(path), tenant },
    name: basename(path),
    bytes: (await stat(path)).size,
    startedBy: userInfo().username,
  };
  const reader = createEventReader({
    schema: readAvroSchema("ProbeMetric"),
    tenant,
    hasTextValues: format !== "ndjson",
    nowMs: Date.now(),
  });
  const rejectedPath = options.rejected ?? `${path}.rejected.ndjson`;
  const summary = options.dryRun
    ? await forecast(file, reader, options, rejectedPath)
    : await runImport(file, reader, options, rejectedPath);
  if (reader.ignored.size > 0) {
    sayAside(`fiber: columns that were not used: ${[...reader.ignored].join(", ")}\n`);
  }
  say(summary);
}

const limitsOf = ({ batchRows, maxRejected, allowExpired }: Options) => ({
  batchRows,
  maxRejected,
  allowsExpired: allowExpired,
});

async function runImport(
  file: ImportedFile,
  reader: EventReader,
  options: Options,
  rejectedPath: string,
): Promise<string> {
  const stopping = untilStopped();
  const progress = showProgress("{rows} rows, {inserted} inserted, {rejected} rejected");
  const work = async (pool: PgPool) => {
    const before = await readPosition(pool, file.key);
    if (before?.finishedAt && !options.again) {
      return `this file was imported already, by ${before.finishedAt.toISOString()}: ${countsOf(before)}. To import it again, add --again\n`;
    }
    const isResumed = before !== undefined && !before.finishedAt && !options.again;
    if (isResumed && before.read > 0) sayAside(`resumes after row ${before.read}\n`);
    const position = await importFile({
      pool,
      file,
      reader,
      limits: limitsOf(options),
      isRestarted: !isResumed,
      openRejected: (afterRow) => openRejectedRows(rejectedPath, afterRow),
      pace: createPace(options.rate),
      untilRolledUp: createUntilRolledUp({
        pool,
        onWaiting: (marks) => sayAside(rollUpsAreBehind(marks)),
      }),
      onProgress: ({ share, position: { read, inserted, rejected } }) =>
        progress.show(share, 1, { rows: read, inserted, rejected }),
      stopping,
    }).finally(progress.end);
    const rejected = position.rejected > 0 ? `; the rejected rows are in ${rejectedPath}` : "";
    if (position.finishedAt !== null) return `${countsOf(position)}${rejected}\n`;
    process.exitCode = 1;
    return `stopped after row ${position.read}: ${countsOf(position)}${rejected}. To resume, run the same command again\n`;
  };
  return withPool(work, { maxConnections: 2 });
}

const countsOf = (counts: ImportPosition): string =>
  `${counts.read} rows: ${counts.inserted} inserted, ${counts.repeated} stored already, ${counts.inConflict} stored already with ` +
  `other content, ${counts.rejected} rejected; ${counts.nodesAdded} nodes added`;

async function forecast(
  file: ImportedFile,
  reader: EventReader,
  options: Options,
  rejectedPath: string,
): Promise<string> {
  const progress = showProgress("{rows} rows");
  const found = await withPool(async (pool) =>
    forecastImport({
      pool,
      file,
      reader,
      limits: limitsOf(options),
      rejectedRows: await openRejectedRows(rejectedPath, 0),
      onProgress: ({ share, read }) => progress.show(share, 1, { rows: read }),
      stopping: untilStopped(),
    }),
  ).finally(progress.end);
  if (found === undefined) throw new Error("stopped; nothing was imported");
  return renderForecast(found, rejectedPath);
}

function renderForecast(found: ImportForecast, rejectedPath: string): string {
  const { read, rejected, isNew, expired, keptNowhere, missingNodes, oldest, newest } = found;
  const times =
    oldest === undefined || newest === undefined
      ? ""
      : `from ${isoMicros(oldest)} to ${isoMicros(newest)}\n`;
  return [
    `${read} rows: ${isNew} would be inserted, ${read - rejected - isNew} are stored already or twice in the file, ${rejected} are rejected\n`,
    times,
    `${missingNodes} nodes would be added\n`,
    expired > 0
      ? `${expired} rows are older than the retention of metrics: see --allow-expired\n`
      : "",
    keptNowhere > 0
      ? `${keptNowhere} of them are older than the retention of roll-ups of a day, too: an import would stop at the first one\n`
      : "",
    rejected > 0 ? `the rejected rows are in ${rejectedPath}\n` : "",
    "Nothing was changed.\n",
  ].join("");
}
