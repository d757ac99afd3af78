import { styleText } from "node:util";
import { PRESET_TIMER } from "listr2";
import { sampleEvent } from "./first-event.ts";
import { readableLine } from "@fiberstream/terminal/readable-line";

const isTerminal = process.stdout.isTTY;
/** Without a terminal each change is printed as a line. Unlimited, a first build would print four hundred. */
const PLAIN_PROGRESS_EVERY_MS = 5_000;

/** Task lists are redrawn in place on a terminal; elsewhere each change is a line. */
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

/** Limits how often progress is reported if there is no terminal. */
export function rateLimited(report: (progress: string) => void): (progress: string) => void {
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
  console: "green",
  auditor: "blue",
} as const;

export const say = (line: string) =>
  process.stdout.write(`${styleText("bold", "local")} | ${line}\n`);

export const sayFailure = (reason: string) =>
  process.stderr.write(`\n${styleText("red", "Start failed:")} ${reason}\n`);

/** Prints a service's log line, with the service's name before it. */
export const sayLogLine = (service: keyof typeof COLORS, line: string) =>
  process.stdout.write(
    `${styleText(COLORS[service], service.padEnd(16))} | ${readableLine(line)}\n`,
  );

/** Prints text with an empty line before and after it, to separate it from log lines. */
export const sayText = (text: string) => process.stdout.write(`\n${text}\n\n`);

/** Prints the addresses of a running platform, and an example to try. */
export function showReady(ready: {
  url: string;
  consoleUrl: string;
  databaseUrl: string;
  prometheusUrl: string;
  tracesUrl: string | undefined;
  startedInMs: number;
  services: readonly { name: string; adminUrl: string }[];
  /** How people sign in at the console. */
  signIn: string;
}): void {
  const { url, consoleUrl, databaseUrl, prometheusUrl, tracesUrl, startedInMs, services } = ready;
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
    `  questions         ${consoleUrl}/docs`,
    `  sign in           ${ready.signIn}`,
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
