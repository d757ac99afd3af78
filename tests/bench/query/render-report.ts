import { renderTable } from "@fiberstream/terminal/table";
import type { Setting } from "../end-to-end/report/machine.ts";
import type { Quantiles } from "../harness/quantiles.ts";
import type { ExportFigures } from "./export.ts";
import type { IngestFigures } from "./ingest.ts";
import type { LiveFigures } from "./live.ts";
import type { QueryFigures } from "./main.ts";
import type { Asked } from "./questions/ask-questions.ts";

const AIMS = { exportRowsPerSecond: 200_000, patchMs: 1_000, lossPct: 5 } as const;

/** Returns the figures as text. */
export function renderReport(figures: QueryFigures, setting: Setting): string {
  const { data, questions, exported, live, ingest } = figures;
  const { rows, nodes, days } = data.plan;
  const made =
    data.madeIn === undefined
      ? "made by an earlier run"
      : `made in ${data.madeIn.rowsS.toFixed(0)} s, their roll-ups in ${data.madeIn.rollUpsS.toFixed(0)} s`;
  const differences = differencesIn(figures);
  const blocks = [
    `${rows.toLocaleString("en")} rows of ${nodes.toLocaleString("en")} nodes in ${days} days, ${made}; load average before ${setting.loadAverage.toFixed(1)}`,
    renderQuestions(questions),
    ...(exported === undefined ? [] : [renderExport(exported)]),
    ...(live === undefined ? [] : [renderLive(live)]),
    ...(ingest === undefined ? [] : [renderIngest(ingest)]),
    differences.length === 0
      ? "answers equal to those of the rows"
      : `ANSWERS DIFFER:\n${differences.map((what) => `  ${what}`).join("\n")}`,
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

/** Returns in words where an answer is not that of the rows. */
export const differencesIn = ({
  questions,
  exported,
  live,
}: Pick<QueryFigures, "questions" | "exported" | "live">): string[] => [
  ...questions.flatMap(({ differences }) => differences),
  ...(exported?.differences ?? []),
  ...(live?.differences ?? []),
];

function renderQuestions(questions: readonly Asked[]): string {
  if (questions.length === 0) return "";
  return renderTable([
    [
      "",
      "OF",
      "p50 ms",
      "p95 ms",
      "p99 ms",
      "AIM: p95",
      "CPU ms: PG",
      "CONSOLE",
      "KB",
      "SQL ON ROWS ms",
      "COMPARED",
    ],
    ...questions.map(({ name, answer, aimMs, cpuMs, bytes, sql }) => [
      name,
      ...times(answer),
      aimMs === undefined ? "" : verdict(answer.p95Ms < aimMs, `< ${aimMs}`),
      cpuMs.postgres.toFixed(1),
      cpuMs.console.toFixed(1),
      (bytes / 1_000).toFixed(0),
      sql.p50Ms.toFixed(1),
      String(sql.count),
    ]),
  ]);
}

function renderExport({ rows, formats, copyRowsPerSecond, rssMb }: ExportFigures): string {
  const aim = AIMS.exportRowsPerSecond;
  return renderTable([
    [`export of ${rows.toLocaleString("en")} rows`, "ROWS/s", "MB/s", "AIM"],
    ...formats.map(({ format, rowsPerSecond, megabytesPerSecond }) => [
      format,
      rowsPerSecond.toFixed(0),
      megabytesPerSecond.toFixed(0),
      verdict(rowsPerSecond >= aim, `>= ${aim}`),
    ]),
    ["plain COPY of all columns", copyRowsPerSecond.toFixed(0), "", ""],
    [
      `console's peak memory: ${rssMb.before.toFixed(0)} MB before, ${rssMb.after.toFixed(0)} MB after`,
      "",
      "",
      "",
    ],
  ]);
}

const renderLive = ({ patch, row }: LiveFigures): string =>
  renderTable([
    ["from a POST to", "OF", "p50 ms", "p95 ms", "p99 ms", "AIM: p95"],
    [
      "its patch in the stream",
      ...times(patch),
      verdict(patch.p95Ms < AIMS.patchMs, `< ${AIMS.patchMs}`),
    ],
    ["its row, by SQL", ...times(row), ""],
  ]);

function renderIngest({ dashboards, highest, rounds, lossPct }: IngestFigures): string {
  const table = renderTable([
    [
      "at half of the highest rate",
      "EVENTS/s",
      "ROWS/s",
      "LAG",
      "ANSWER p99 ms",
      "ROW p50 ms",
      "ROW p99 ms",
    ],
    ...rounds.flatMap((round) =>
      (["without", "with"] as const).map((how) => {
        const { eventsPerSecond, rowsPerSecond, isLagFlat, answer, rowAfterAnswer } = round[how];
        return [
          `${how} ${dashboards} dashboards`,
          eventsPerSecond.toFixed(0),
          rowsPerSecond.toFixed(0),
          isLagFlat ? "flat" : "grows",
          answer.p99Ms.toFixed(0),
          rowAfterAnswer.p50Ms.toFixed(0),
          rowAfterAnswer.p99Ms.toFixed(0),
        ];
      }),
    ),
  ]);
  const seen = rounds.map(({ with: { seen: each } }) => {
    const refused = Object.entries(each.refused).map(([status, count]) => `${count} x ${status}`);
    return `dashboards: ${times(each.answer).join(" / ")} (answers, p50, p95, p99 ms)${refused.length === 0 ? "" : `, ${refused.join(", ")}`}`;
  });
  return [
    table,
    `highest rate ${highest.toFixed(0)} rows/s; loss of rows with dashboards ${lossPct.toFixed(1)} % (${verdict(lossPct < AIMS.lossPct, `< ${AIMS.lossPct} %`)})`,
    ...seen,
  ].join("\n");
}

const times = ({ count, p50Ms, p95Ms, p99Ms }: Quantiles): string[] => [
  String(count),
  ...[p50Ms, p95Ms, p99Ms].map((ms) => ms.toFixed(1)),
];

const verdict = (isReached: boolean, aim: string) => (isReached ? aim : `${aim} MISSED`);
