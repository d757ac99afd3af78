import { SERVICE_NAMES, SERVICES } from "@fiberstream/runtime/services";
import { LABEL_BOUNDS } from "./label-bounds.ts";
import type { Metric } from "./metric-catalogue.ts";
import type { RecordingRule } from "./rule-files.ts";

/** The metrics of the client library that the page lists; it has about twenty more. */
const OF_NODE = new Set([
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "process_start_time_seconds",
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_heap_size_used_bytes",
  "nodejs_gc_duration_seconds",
]);

const SECTIONS: Record<string, (metric: Metric) => boolean> = {
  "Every service": ({ services }) => services.length === SERVICE_NAMES.length,
  "The gateway": ({ services }) => services.join() === "ingest-gateway",
  "The processor and the sink": ({ services }) => services.length === 2,
  "The processor": ({ services }) => services.join() === "stream-processor",
  "The sink": ({ services }) => services.join() === "sink-writer",
  "The console": ({ services }) => services.join() === "console",
  "The auditor": ({ services }) => services.join() === "auditor",
};

/** Returns docs/metrics.md. */
export function renderMetricsPage(
  metrics: readonly Metric[],
  rules: readonly RecordingRule[],
): string {
  const own = metrics.filter(({ name }) => name.startsWith("fiberstream_"));
  const ofNode = metrics.filter(({ name }) => OF_NODE.has(name));
  return [
    INTRODUCTION,
    ...Object.entries(SECTIONS).flatMap(([title, isIn]) => [
      `## ${title}`,
      table(["metric", "type", "labels", "meaning"], own.filter(isIn).map(rowOf)),
    ]),
    "## Node's own",
    "Each service also has the metrics of the Node.js client, `process_…` and `nodejs_…`. The most useful ones:",
    table(["metric", "type", "labels", "meaning"], ofNode.map(rowOf)),
    "## Labels",
    "No label has a value that a sender chooses: no node, no path, no key. Prometheus adds `job` and `instance`.",
    table(
      ["label", "meaning", "values"],
      Object.entries(LABEL_BOUNDS).map(([label, { meaning, values }]) => [
        code(label),
        meaning,
        values instanceof RegExp ? `like ${code(values.source)}` : values.map(code).join(", "),
      ]),
    ),
    "## Recorded series",
    "What [recording.yml](../deploy/prometheus/rules/recording.yml) computes, for alerts and dashboards:",
    table(
      ["series", "from"],
      rules.map(({ record, expr }) => [code(record), metricsIn(expr).map(code).join(", ")]),
    ),
  ].join("\n\n");
}

const INTRODUCTION = `# Metrics

Generated from the services' own code by \`npm run generate\`; do not edit. Every service answers \`GET /metrics\` on its
admin port: ${Object.entries(SERVICES)
  .map(([name, { adminPort }]) => `${name} ${adminPort}`)
  .join(", ")}. Units are in the names: seconds, bytes. A name that ends in \`_total\` is a counter.
The alerts are in [alerts.md](alerts.md).`;

const code = (text: string) => `\`${text}\``;

const rowOf = ({ name, type, labels, help }: Metric): string[] => [
  code(name),
  type,
  labels.map(code).join(", "),
  help,
];

const metricsIn = (expr: string): string[] => [
  ...new Set(expr.match(/\b(fiberstream|process|nodejs)_[a-z0-9_]+/g)),
];

function table(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
