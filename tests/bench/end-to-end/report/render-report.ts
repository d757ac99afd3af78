import { renderTable } from "@fiberstream/terminal/table";
import type { Quantiles } from "../../harness/quantiles.ts";
import { PARTIES, type PerParty } from "../costs.ts";
import type { Idle } from "../idle.ts";
import type { Measured } from "../measure.ts";
import type { Phase } from "../load/phase.ts";

/** Returns the figures as text. */
export function renderReport({ phases, idle }: Measured): string {
  const blocks = [renderRates(phases), renderCosts(phases, idle), renderTimes(phases)];
  if (idle !== undefined) blocks.push(renderIdle(idle));
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function renderRates(phases: readonly Phase[]): string {
  if (phases.length === 0) return "";
  return renderTable([
    ["", "EVENTS/s", "LAG", "ACCEPTED", "ROWS", "DOUBLED", "NOT 202"],
    ...phases.map(
      ({ name, what, eventsPerSecond, isLagFlat, accepted, rows, doubled, refused }) => [
        what,
        whole(eventsPerSecond),
        name === "single-sustained" ? "waited for" : isLagFlat ? "flat" : "grows",
        String(accepted),
        String(rows),
        String(doubled),
        Object.entries(refused)
          .map(([status, count]) => `${count} x ${status}`)
          .join(", ") || "0",
      ],
    ),
  ]);
}

function renderCosts(phases: readonly Phase[], idle: Idle | undefined): string {
  const parties = (of: PerParty, digits: number) =>
    PARTIES.map((party) => of[party].toFixed(digits));
  const last = phases.at(-1);
  const rows = [
    ...phases.map(({ name, cpuUsPerEvent }) => [
      `${name}: CPU us per event`,
      ...parties(cpuUsPerEvent, 1),
    ]),
    ...(last === undefined ? [] : [["memory MB at the end", ...parties(last.memoryMb, 0)]]),
    ...(idle === undefined
      ? []
      : [
          ["idle: CPU s per hour", ...parties(idle.cpuSecondsPerHour, 0)],
          ["idle: memory MB", ...parties(idle.memoryMb, 0)],
        ]),
  ];
  return renderTable([["", ...PARTIES.map((party) => party.toUpperCase())], ...rows]);
}

function renderTimes(phases: readonly Phase[]): string {
  const rows = phases.flatMap(({ name, answer, rowAfterAnswer, rowAfterDue }) => [
    timesRow(`${name}: due to answer`, answer),
    ...(rowAfterAnswer.count === 0
      ? []
      : [
          timesRow(`${name}: answer to visible row`, rowAfterAnswer),
          timesRow(`${name}: due to visible row`, rowAfterDue),
        ]),
  ]);
  if (rows.length === 0) return "";
  return renderTable([["", "OF", "p50 ms", "p95 ms", "p99 ms", "MAX ms"], ...rows]);
}

const timesRow = (what: string, { count, p50Ms, p95Ms, p99Ms, maxMs }: Quantiles) => [
  what,
  String(count),
  ...[p50Ms, p95Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
];

const renderIdle = ({ seconds, loggedBytesPerHour }: Idle): string =>
  `idle: ${whole(loggedBytesPerHour)} bytes of log per hour, measured over ${whole(seconds)} s of it`;

const whole = (value: number) => String(Math.round(value));
