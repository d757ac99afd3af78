import type { Client } from "pg";
import { to as copyTo } from "pg-copy-streams";
import { peakRssMb } from "../harness/process-cost.ts";
import type { BenchService } from "../harness/service.ts";
import type { DataPlan, DataSpan } from "./data/plan.ts";
import { differencesOf, type Value } from "./questions/compare-answers.ts";

export type ExportFigures = {
  readonly rows: number;
  readonly formats: readonly {
    readonly format: string;
    readonly rowsPerSecond: number;
    readonly megabytesPerSecond: number;
  }[];
  /** Of a COPY of the same rows, all columns as they are, without the console. */
  readonly copyRowsPerSecond: number;
  /** Peak memory of the console. */
  readonly rssMb: { readonly before: number; readonly after: number };
  readonly differences: readonly string[];
};

/** Rows of the range whose export is compared value by value. */
const COMPARED_ROWS = 5_000;

/** Exports a part of the rows in each format, counts them, and compares a small range value by value. */
export async function measureExport(options: {
  console: BenchService;
  sql: Client;
  plan: DataPlan;
  span: DataSpan;
  rows: number;
}): Promise<ExportFigures> {
  const { console: service, sql, plan, span } = options;
  const spanMs = span.to.getTime() - span.from.getTime();
  /** The last rows, but not the ones that the live measurement adds. */
  const rangeOf = (rows: number) => {
    const ms = Math.min(spanMs, Math.round((spanMs * rows) / plan.rows));
    return { from: new Date(span.to.getTime() - ms).toISOString(), to: span.to.toISOString() };
  };
  const range = rangeOf(options.rows);
  const [counted] = await rowsOf(
    sql,
    "SELECT count(*)::float8 AS rows FROM metrics WHERE time >= $1 AND time < $2",
    [range.from, range.to],
  );
  const expected = Number(counted?.["rows"]);

  const before = peakRssMb(service.pid);
  const formats: ExportFigures["formats"][number][] = [];
  const differences: string[] = [];
  for (const [format, lastLine] of [
    ["csv", `# end: ${expected} rows`],
    ["ndjson", `{"end":true,"rows":${expected}}`],
  ] as const) {
    const begunMs = performance.now();
    const response = await fetch(exportUrl(service.url, format, range));
    const read = await countLines(response.body ?? []);
    const seconds = (performance.now() - begunMs) / 1_000;
    if (response.status !== 200) throw new Error(`export: ${response.status} ${read.end}`);
    formats.push({
      format,
      rowsPerSecond: expected / seconds,
      megabytesPerSecond: read.bytes / 1e6 / seconds,
    });
    const extra = format === "csv" ? 2 : 1;
    if (read.lines !== expected + extra || !read.end.endsWith(`${lastLine}\n`)) {
      differences.push(
        `export of ${format}: ${read.lines} lines that end with ${JSON.stringify(read.end.slice(-60))}, and ${expected} rows`,
      );
    }
  }
  const after = peakRssMb(service.pid);

  const begunMs = performance.now();
  const copied = await countLines(
    sql.query(
      copyTo(
        `COPY (SELECT * FROM metrics WHERE time >= '${range.from}' AND time < '${range.to}') TO STDOUT (FORMAT csv)`,
      ),
    ),
  );
  const copySeconds = (performance.now() - begunMs) / 1_000;
  if (copied.lines !== expected)
    differences.push(`COPY has ${copied.lines} rows, and ${expected} were counted`);

  differences.push(...(await compareValues(service.url, sql, rangeOf(COMPARED_ROWS))));
  return {
    rows: expected,
    formats,
    copyRowsPerSecond: expected / copySeconds,
    rssMb: { before, after },
    differences,
  };
}

const exportUrl = (url: string, format: string, { from, to }: { from: string; to: string }) =>
  `${url}/api/v1/export?format=${format}&from=${from}&to=${to}`;

async function countLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ lines: number; bytes: number; end: string }> {
  let lines = 0;
  let bytes = 0;
  let last = Buffer.alloc(0);
  for await (const chunk of chunks) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
    bytes += chunk.length;
    last = Buffer.concat([last, chunk]).subarray(-200);
  }
  return { lines, bytes, end: last.toString() };
}

const COMPARED_COLUMNS = {
  time: "exact",
  node_id: "exact",
  latency_ms: "exact",
  packet_loss: "exact",
  region: "exact",
  metadata: "exact",
} as const;

async function compareValues(
  url: string,
  sql: Client,
  range: { from: string; to: string },
): Promise<string[]> {
  const text = await (await fetch(exportUrl(url, "ndjson", range))).text();
  const lines = text.trimEnd().split("\n").slice(0, -1);
  const exported = lines.map((line) => JSON.parse(line) as Record<string, Value>);
  const rows = await rowsOf(
    sql,
    `SELECT event_id, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time, node_id, latency_ms,
            packet_loss, region, metadata::text
     FROM metrics WHERE time >= $1 AND time < $2`,
    [range.from, range.to],
  );
  const byId = (list: readonly Record<string, Value>[]) =>
    new Map(list.map((row) => [String(row["event_id"]), row]));
  const asText = (row: Record<string, unknown>) => ({
    ...row,
    metadata: JSON.stringify(row["metadata"]),
  });
  return differencesOf(
    byId(exported.map(asText) as Record<string, Value>[]),
    byId(
      rows.map((row) =>
        asText({ ...row, metadata: JSON.parse(String(row["metadata"])) }),
      ) as Record<string, Value>[],
    ),
    COMPARED_COLUMNS,
  ).map((what) => `export: ${what}`);
}

async function rowsOf(
  sql: Client,
  text: string,
  values: readonly unknown[],
): Promise<Record<string, Value>[]> {
  return (await sql.query<Record<string, Value>>(text, [...values])).rows;
}
