import { renderTable } from "@fiberstream/terminal/table";
import type { HostileFigures } from "./measure-hostile.ts";

/** Returns tables with the honest probe's answer times and the results of the attack. */
export function renderHostile(figures: HostileFigures): string {
  const { calm, attacked, after, attack, loadAverage } = figures;
  const ms = (value: number) => value.toFixed(1);
  const honest = [calm, attacked, after].map((one) => [
    one.name,
    ms(one.p50Ms),
    ms(one.p95Ms),
    ms(one.p99Ms),
    one.requestsPerSecond.toFixed(0),
    listed(one.others),
    `${Math.round(one.cpuPercent)} %`,
    one.peakRssMb.toFixed(0),
  ]);
  const heading = [
    "HONEST PROBE",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "REQUESTS/s",
    "NOT 202",
    "GATEWAY CPU",
    "PEAK RSS MB",
  ];
  const attacks = Object.entries(attack).map(([name, came]) => [name, listed(came)]);
  return [
    renderTable([heading, ...honest]),
    "",
    renderTable([["ATTACK", "ANSWERS"], ...attacks]),
    "",
    `load average ${loadAverage.toFixed(1)}`,
    "",
  ].join("\n");
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${count} x ${what}`)
    .join(", ");
