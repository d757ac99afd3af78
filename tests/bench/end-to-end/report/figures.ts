import type { Measured } from "../measure.ts";
import { PARTIES } from "../costs.ts";

/** One number to compare versions by. */
export type Figure = {
  readonly name: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly value: number;
};

/** Returns the numbers of a run that are compared, without those that were not measured. */
export function figuresOf({ phases, idle }: Measured): Figure[] {
  const lower = (name: string, unit: string, value: number): Figure => ({
    name,
    unit,
    better: "lower",
    value,
  });
  const figures = phases.flatMap((phase): Figure[] => [
    ...(phase.name === "sustained" || phase.name === "single-sustained"
      ? [
          {
            name: `${phase.name}: rate`,
            unit: "events/s",
            better: "higher" as const,
            value: phase.eventsPerSecond,
          },
        ]
      : []),
    lower(`${phase.name}: CPU, services`, "us/event", phase.servicesCpuUsPerEvent),
    ...PARTIES.filter((party) => party !== "load" && party !== "registry").map((party) =>
      lower(`${phase.name}: CPU, ${party}`, "us/event", phase.cpuUsPerEvent[party]),
    ),
    lower(`${phase.name}: answer, p50`, "ms", phase.answer.p50Ms),
    lower(`${phase.name}: answer, p99`, "ms", phase.answer.p99Ms),
    lower(`${phase.name}: row after answer, p50`, "ms", phase.rowAfterAnswer.p50Ms),
    lower(`${phase.name}: row after answer, p99`, "ms", phase.rowAfterAnswer.p99Ms),
  ]);
  if (idle !== undefined) {
    for (const party of ["gateway", "processor", "sink"] as const) {
      figures.push(lower(`idle: CPU, ${party}`, "s/h", idle.cpuSecondsPerHour[party]));
      figures.push(lower(`idle: memory, ${party}`, "MB", idle.memoryMb[party]));
    }
    figures.push(lower("idle: log", "bytes/h", idle.loggedBytesPerHour));
  }
  return figures.filter(({ value }) => Number.isFinite(value));
}
