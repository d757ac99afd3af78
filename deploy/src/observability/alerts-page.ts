import { type AlertRule, runbookOf } from "./rule-files.ts";

/** docs/alerts.md: Markdown, complete. */
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

| objective | what is promised |
| --- | --- |
| availability | 99.9 % of requests with events get an answer that is no fault of ours. A 5xx counts against it, but for 503 \`OVERLOADED\` with Retry-After |
| freshness | 99 % of events are in the table within 5 s of the gateway's taking them in |
| correctness | 0 events lost between the 202 and the row |

Burn rates follow the usual pairs of windows over a budget of 30 days: 14.4 times too fast over 1 h and 5 min and 6 times
over 6 h and 30 min wake somebody, 1 time over 3 days and 6 h waits for the morning.

A page wakes somebody, a ticket waits for the morning. Each links its [runbook](runbooks/README.md).`;

function entryOf({ alert, expr, for: lasts, labels, annotations, ...rule }: AlertRule): string {
  const burn = labels.burn === undefined ? "" : ` (${labels.burn}x)`;
  const file = runbookOf({ alert, expr, labels, annotations, ...rule });
  return [
    `### ${alert}${burn}`,
    `${readable(annotations.description)} → [runbook](runbooks/${file})`,
    `\`\`\`promql\n${expr.trimEnd()}\n\`\`\``,
    lasts === undefined ? "At once." : `After ${lasts}.`,
  ].join("\n\n");
}

/** Templates become the names of what they show. */
const readable = (text: string) =>
  text
    .trim()
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, "<$1>")
    .replaceAll(/\{\{ \$value(?: \| \w+)? \}\}/g, "<value>");
