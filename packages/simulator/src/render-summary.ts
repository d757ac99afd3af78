import type { Summary } from "./simulate.ts";
import type { Percentiles } from "./load/tally.ts";

/** Returns the summary as text. */
export function renderSummary(summary: Summary): string {
  const { sent, accepted, refused, reasons, unsent, elapsedMs, answerMs, verified } = summary;
  const perSecond = elapsedMs > 0 ? Math.round((accepted / elapsedMs) * 1_000) : 0;
  const lines: [string, string][] = [
    ["sent", `${sent} events in ${(elapsedMs / 1_000).toFixed(1)} s`],
    ["accepted", `${accepted} (${perSecond} per second)`],
    ["refused", String(refused)],
    ...Object.entries(reasons).map(([reason, events]): [string, string] => [
      "",
      `${events} x ${reason}`,
    ]),
    ...(unsent > 0
      ? [["not sent", `${unsent} were due, but the gateway was too slow`] as [string, string]]
      : []),
    ["answered in", renderPercentiles(answerMs)],
  ];
  if (verified) {
    lines.push(["row after answer", renderPercentiles(verified.delayMs)]);
    if (verified.unconfirmed > 0) {
      lines.push([
        "unconfirmed",
        `${verified.unconfirmed} rows of events that were not answered with 202`,
      ]);
    }
    if (verified.altered > 0) lines.push(["altered", String(verified.altered)]);
    for (const example of verified.examples) lines.push(["", example]);
  }
  return `${lines.map(([name, value]) => `  ${name.padEnd(17)} ${value}`).join("\n")}\n\n${closing(summary)}\n`;
}

/** Returns the last line of the summary. */
function closing({ accepted, refused, verified }: Summary): string {
  if (!verified) return `${accepted} accepted, ${refused} refused`;
  const { rows, lost, doubled } = verified;
  return `${accepted} accepted, ${rows} rows, ${lost} lost, ${doubled} duplicated`;
}

const renderPercentiles = ({ p50, p95, p99, max }: Percentiles): string =>
  `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, max ${ms(max)}`;

export const ms = (value: number): string =>
  value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
