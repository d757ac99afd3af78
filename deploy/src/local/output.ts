import { styleText } from "node:util";
import { PRESET_TIMER } from "listr2";
import { sampleEvent } from "./first-event.ts";
import { readableLine } from "@fiberstream/terminal/readable-line";

const isTerminal = process.stdout.isTTY;
/** Without a terminal every change is a line: a first build would print four hundred. */
const PLAIN_PROGRESS_EVERY_MS = 5_000;

/** How task lists look: redrawn in place on a terminal, a line for each change elsewhere. */
export const taskOptions = {
  concurrent: false,
  registerSignalListeners: false,
  renderer: "default",
  fallbackRenderer: "simple",
  rendererOptions: {
    timer: PRESET_TIMER,
    collapseSubtasks: false,
    collapseErrors: true,
    formatOutput: "truncate",
  },
  fallbackRendererOptions: { timer: PRESET_TIMER },
} as const;

/** Says less where every word is kept. */
export function thinned(report: (doing: string) => void): (doing: string) => void {
  if (isTerminal) return report;
  let lastMs = -Infinity;
  return (doing) => {
    if (performance.now() - lastMs < PLAIN_PROGRESS_EVERY_MS) return;
    lastMs = performance.now();
    report(doing);
  };
}

const COLORS = {
  "ingest-gateway": "cyan",
  "stream-processor": "magenta",
  "sink-writer": "yellow",
} as const;

export const say = (line: string) =>
  process.stdout.write(`${styleText("bold", "local")} | ${line}\n`);

export const sayFailure = (reason: string) =>
  process.stderr.write(`\n${styleText("red", "Not started:")} ${reason}\n`);

/** A service's log line, prefixed with its name. */
export const sayLogLine = (service: keyof typeof COLORS, line: string) =>
  process.stdout.write(
    `${styleText(COLORS[service], service.padEnd(16))} | ${readableLine(line)}\n`,
  );

/** Lines of their own, apart from the log lines around them. */
export const sayText = (text: string) => process.stdout.write(`\n${text}\n\n`);

/** What to do with a platform that is up. */
export function showReady(ready: {
  url: string;
  databaseUrl: string;
  prometheusUrl: string;
  tracesUrl: string | undefined;
  startedInMs: number;
  services: readonly { name: string; adminUrl: string }[];
}): void {
  const { url, databaseUrl, prometheusUrl, tracesUrl, startedInMs, services } = ready;
  const event = JSON.stringify({ ...sampleEvent("probe-1"), timestamp: "TIME" }).replace(
    '"TIME"',
    `"'$(date -u +%FT%TZ)'"`,
  );
  const lines = [
    "",
    `${styleText("green", "FiberStream is ready")} after ${(startedInMs / 1_000).toFixed(1)} s.`,
    "",
    `  events            ${url}/api/push`,
    `  API, topics       ${url}/docs  ${url}/docs/topics`,
    `  database          ${databaseUrl}`,
    `  alerts, metrics   ${prometheusUrl}/alerts  /graph`,
    ...(tracesUrl === undefined ? [] : [`  traces            ${tracesUrl}`]),
    ...services.map(({ name, adminUrl }) => `  ${name.padEnd(16)}  ${adminUrl}/readyz  /metrics`),
    "",
    "Try it:",
    `  curl -i ${url}/api/push -H 'content-type: application/json' -d '${event}'`,
    `  psql ${databaseUrl} -c 'SELECT * FROM metrics ORDER BY time DESC LIMIT 5'`,
    "",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
