import { renderTable } from "@fiberstream/terminal/table";
import type { Freshness } from "./freshness.ts";
import type { Measured } from "./measured.ts";

/** Returns the figures as text. */
export function renderReport(figures: {
  events: number;
  rounds: number;
  duplicates: number;
  rows: number;
  sink: Measured & { rssMb: number };
  psql: Measured;
  freshness: Freshness | undefined;
}): string {
  const { events, rows, sink, psql, freshness } = figures;
  const rate = (count: number, { seconds }: Measured) => Math.round(count / seconds);
  const micros = (seconds: number, count: number) => ((seconds * 1e6) / count).toFixed(2);
  const table = renderTable([
    ["", "EVENTS/S", "CPU US/EVENT", "POSTGRESQL CPU US/EVENT", "PEAK RSS MB"],
    [
      "sink",
      String(rate(events, sink)),
      micros(sink.writerCpuSeconds, events),
      micros(sink.postgresCpuSeconds, events),
      sink.rssMb.toFixed(0),
    ],
    ["psql \\copy", String(rate(rows, psql)), "", micros(psql.postgresCpuSeconds, rows), ""],
  ]);
  const ratio = (rate(events, sink) / rate(rows, psql)).toFixed(2);
  const lines = [
    `${events} events, ${figures.duplicates} % of them duplicates, ${rows} rows, medians of ${figures.rounds}`,
    table,
    `ratio ${ratio}`,
  ];
  if (freshness) {
    const { p50, p99, max } = freshness.ms;
    lines.push(
      `100 events/s: from the append's acknowledgement to the visible row p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${freshness.events} events)`,
    );
  }
  return `${lines.join("\n")}\n`;
}
