import { type AlertRule, runbookOf } from "./rule-files.ts";

/** Returns docs/alerts.md. */
export function renderAlertsPage(rules: readonly AlertRule[]): string {
  const ofSeverity = (severity: AlertRule["labels"]["severity"]) =>
    [...rules].filter((rule) => rule.labels.severity === severity).map(entryOf);
  return [
    INTRODUCTION,
    "## Pages",
    ...ofSeverity("page"),
    "## Tickets",
    ...ofSeverity("ticket"),
  ].join("\n\n");
}

const INTRODUCTION = `# Objectives and alerts

Generated from [alerts.yml](../deploy/prometheus/rules/alerts.yml) by \`npm run generate\`; do not edit.

| objective | promise |
| --- | --- |
| availability | 99.9 % of the requests with events get an answer other than 5xx. A 503 \`OVERLOADED\` with Retry-After does not count as a failure |
| freshness | 99 % of the events are in the table \`metrics\` within 5 s after the gateway received them |
| correctness | no event is lost between the 202 and the row |

The error budget is that of 30 days. The burn rates use the usual pairs of windows: 14.4 times too fast over 1 h and 5 min, or 6 times
over 6 h and 30 min, is a page. 1 time over 3 days and 6 h is a ticket.

A page wakes somebody; a ticket waits for the morning. Each alert links to its [runbook](runbooks/README.md).`;

function entryOf({
  alert,
  expr,
  for: pendingFor,
  labels,
  annotations,
  ...rule
}: AlertRule): string {
  const burn = labels.burn === undefined ? "" : ` (${labels.burn}x)`;
  const file = runbookOf({ alert, expr, labels, annotations, ...rule });
  return [
    `### ${alert}${burn}`,
    `**${readable(annotations.summary)}.** ${readable(annotations.description)} → [runbook](runbooks/${file})`,
    `\`\`\`promql\n${expr.trimEnd()}\n\`\`\``,
    pendingFor === undefined ? "Fires at once." : `Fires after ${pendingFor}.`,
  ].join("\n\n");
}

/** Replaces the templates by the names of their labels. */
const readable = (text: string) =>
  text
    .trim()
    .replaceAll(/\{\{ with \$labels\.(\w+) \}\}([^{]*)\{\{ \. \}\}\{\{ end \}\}/g, " $2<$1>")
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, "<$1>")
    .replaceAll(/\{\{ \$value(?: \| \w+(?: "[^"]*")?)? \}\}/g, "<value>");
