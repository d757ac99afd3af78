import type { Soaked } from "../../soak/soak.ts";
import type { Quantiles } from "../../harness/quantiles.ts";
import { PARTIES } from "../costs.ts";
import type { Setting } from "./machine.ts";
import type { Measured } from "../measure.ts";
import type { ComparedResult, Scaled, Step } from "./results.ts";
import type { Phase } from "../load/phase.ts";
import { ALL_AXES } from "../scale/scale-axes.ts";
import { drawLines, drawStackedBars, escape } from "./svg-charts.ts";

/** The results on the page, as far as they exist. */
export type Pages = {
  readonly latest: (Measured & { readonly setting: Setting }) | undefined;
  readonly scaled: Scaled | undefined;
  readonly compared: ComparedResult | undefined;
  readonly soak: Soaked | undefined;
};

/** Returns a self-contained HTML page. */
export function renderPage({ latest, scaled, compared, soak }: Pages): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FiberStream: what it costs and how fast it is</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; }
.setting { color: #666; }
</style>
</head>
<body>
<h1>What it costs and how fast it is</h1>
<p>Everything ran on one machine: load, services, Kafka, registry, Redis and PostgreSQL (with fsync). Rates are of that
machine; CPU time for each event is what to go by. Every accepted event was counted in the table, each once.</p>
${latest === undefined ? "" : pathSection(latest)}
${scaled === undefined ? "" : scaleSection(scaled)}
${soak === undefined ? "" : soakSection(soak)}
${compared === undefined ? "" : comparedSection(compared)}
</body>
</html>
`;
}

function pathSection({ setting, phases, idle }: NonNullable<Pages["latest"]>): string {
  const bars = phases.map(({ name, cpuUsPerEvent }) => ({
    name,
    values: PARTIES.map((party) => cpuUsPerEvent[party]),
  }));
  const sustained = phases.find(({ name }) => name === "sustained");
  return [
    heading("From a POST to its row", setting, "npm run bench -- --save"),
    table(["", "events/s", "accepted", "rows", "doubled"], phases.map(rateRow)),
    "<h3>CPU us per event</h3>",
    drawStackedBars({ label: "CPU us per event", unit: "us", parts: PARTIES, bars }),
    "<h3>Times, ms</h3>",
    table(["", "p50", "p95", "p99", "largest"], phases.flatMap(timeRows)),
    ...(sustained === undefined
      ? []
      : [
          "<h3>Events without a row while the sustained rate was held</h3>",
          drawLines({
            label: "lag over time",
            xLabel: "s",
            scale: "linear",
            lines: [{ name: "events", points: sustained.lag }],
          }),
        ]),
    ...(idle === undefined
      ? []
      : [
          `<h3>An hour without events, from a measurement of ${round(idle.seconds)} s</h3>`,
          table(
            ["", ...PARTIES.slice(0, -1)],
            [
              [
                "CPU s",
                ...PARTIES.slice(0, -1).map((party) => round(idle.cpuSecondsPerHour[party])),
              ],
              ["memory MB", ...PARTIES.slice(0, -1).map((party) => round(idle.memoryMb[party]))],
            ],
          ),
          `<p>Logged by the three services: ${round(idle.loggedBytesPerHour)} bytes.</p>`,
        ]),
  ].join("\n");
}

function scaleSection({ steps }: Scaled): string {
  const sections = ALL_AXES.flatMap(({ axis }) => {
    const own = steps.filter((step) => step.axis === axis);
    const [first] = own;
    if (first === undefined) return [];
    const bars = own.map((step) => ({
      name: stepName(step),
      values: PARTIES.map((party) => step.phase.cpuUsPerEvent[party]),
    }));
    return [
      heading(
        `More ${axis}: CPU us per event`,
        first.setting,
        `npm run bench -- --scale ${axis} --save`,
      ),
      drawStackedBars({ label: `CPU us per event by ${axis}`, unit: "us", parts: PARTIES, bars }),
    ];
  });
  return sections.join("\n");
}

const stepName = ({ axis, value, phase }: Step): string =>
  `${value.toLocaleString("en")} ${axis}: ${round(phase.eventsPerSecond)}/s`;

function soakSection({ setting, load, growths, samples }: Soaked): string {
  const lines = Object.keys(samples[0]?.services ?? {}).map((name) => ({
    name,
    points: samples.map(
      ({ seconds, services }) => [seconds / 60, services[name]?.rssMb ?? 0] as const,
    ),
  }));
  return [
    heading("What grows", setting, "npm run soak -- --save"),
    `<p>${escape(load.what)}: ${load.accepted} accepted, ${load.rows} rows, ${load.doubled} duplicated.</p>`,
    "<h3>Memory (RSS) MB</h3>",
    drawLines({ label: "memory over time", xLabel: "min", scale: "linear", lines }),
    table(
      ["", "first minute", "last", "per hour", "+/-", "limit"],
      growths.map(({ what, unit, first, last, perHour, limitPerHour }) => [
        unit === "" ? what : `${what}, ${unit}`,
        ...[first, last, perHour.slope, perHour.slopeError].map((value) => value.toFixed(1)),
        String(limitPerHour),
      ]),
    ),
  ].join("\n");
}

function comparedSection({ setting, commits, figures, options }: ComparedResult): string {
  return [
    heading(
      `${commits.a} (A) and ${commits.b} (B), ${options.rounds} rounds each`,
      setting,
      "npm run bench -- --compare A B --save",
    ),
    table(
      ["", "A", "B", "unit", "change %", "p", ""],
      figures.map((one) => [
        one.name,
        one.meanA.toPrecision(4),
        one.meanB.toPrecision(4),
        one.unit,
        one.changePercent.toFixed(1),
        one.p.toFixed(3),
        one.verdict,
      ]),
    ),
  ].join("\n");
}

const heading = (title: string, setting: Setting, command: string): string =>
  `<h2>${escape(title)}</h2>
<p class="setting">${escape(`${setting.takenAt.slice(0, 10)}, commit ${setting.commit}, ${setting.cpus}, ${setting.memoryGb} GB, Node ${setting.node}, load average before ${setting.loadAverage.toFixed(1)}`)}: <code>${escape(command)}</code></p>`;

const rateRow = ({ what, eventsPerSecond, accepted, rows, doubled }: Phase): string[] => [
  what,
  ...[eventsPerSecond, accepted, rows, doubled].map(round),
];

const timeRows = ({ name, answer, rowAfterAnswer, rowAfterDue }: Phase): string[][] =>
  [
    { what: "due to answer", times: answer },
    { what: "answer to visible row", times: rowAfterAnswer },
    { what: "due to visible row", times: rowAfterDue },
  ]
    .filter(({ times }) => times.count > 0)
    .map(({ what, times }) => timesRow(`${name}: ${what}`, times));

const timesRow = (what: string, { p50Ms, p95Ms, p99Ms, maxMs }: Quantiles): string[] => [
  what,
  ...[p50Ms, p95Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead>${row("th", head)}</thead><tbody>${rows.map((cells) => row("td", cells)).join("")}</tbody></table>`;

const row = (tag: string, cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;

const round = (value: number): string => Math.round(value).toLocaleString("en");
