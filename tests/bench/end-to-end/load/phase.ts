import type { Quantiles } from "../../harness/quantiles.ts";
import { mapParties, type PerParty } from "../costs.ts";
import { isFlat } from "./flatness.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { Ran } from "./run-load.ts";

export const PHASES = ["sustained", "half", "most", "single", "idle"] as const;
export type PhaseName = (typeof PHASES)[number];

/** The results of one load. */
export type Phase = {
  readonly name: Exclude<PhaseName, "idle"> | "single-sustained";
  readonly what: string;
  readonly eventsPerRequest: number;
  readonly seconds: number;
  /** Accepted events per second. */
  readonly eventsPerSecond: number;
  readonly accepted: number;
  readonly rows: number;
  readonly doubled: number;
  readonly refused: Readonly<Record<string, number>>;
  /** CPU time divided by the rows that were written in that time. */
  readonly cpuUsPerEvent: PerParty;
  readonly servicesCpuUsPerEvent: number;
  readonly memoryMb: PerParty;
  readonly peakMemoryMb: PerParty;
  readonly answer: Quantiles;
  readonly rowAfterAnswer: Quantiles;
  readonly rowAfterDue: Quantiles;
  readonly lag: readonly (readonly [number, number])[];
  /** Whether the lag did not grow. */
  readonly isLagFlat: boolean;
};

export function phaseOf(name: Phase["name"], what: string, plan: LoadPlan, ran: Ran): Phase {
  const cpuUsPerEvent = mapParties((party) => (ran.cpu[party] * 1e6) / ran.delivered);
  const { gateway, processor, sink } = cpuUsPerEvent;
  const eventsPerSecond = ran.acceptedMeasured / ran.seconds;
  return {
    name,
    what,
    eventsPerRequest: plan.eventsPerRequest,
    seconds: ran.seconds,
    eventsPerSecond,
    accepted: ran.accepted,
    rows: ran.rows,
    doubled: ran.doubled,
    refused: ran.refused,
    cpuUsPerEvent,
    servicesCpuUsPerEvent: gateway + processor + sink,
    memoryMb: ran.memory,
    peakMemoryMb: ran.peakMemory,
    answer: ran.answer,
    rowAfterAnswer: ran.rowAfterAnswer,
    rowAfterDue: ran.rowAfterDue,
    lag: ran.lag,
    isLagFlat: isFlat(ran.lag, eventsPerSecond),
  };
}

/** Returns the number of events whose answer was not 202. Each may become a row nevertheless, also later. */
export const unsureOf = ({ refused }: Pick<Phase, "refused">): number =>
  Object.values(refused).reduce((sum, count) => sum + count, 0);

/**
 * Checks that each accepted event of a phase is exactly one row.
 *
 * @param unsureBefore unanswered events of earlier phases, whose rows may have been written in this one
 * @throws when rows are missing or duplicated
 */
export function requireExactlyOnce(phase: Phase, unsureBefore = 0): void {
  const { name, accepted, rows, doubled } = phase;
  const most = accepted + unsureOf(phase) + unsureBefore;
  if (rows >= accepted && rows <= most && doubled === 0) return;
  throw new Error(
    `${name}: ${accepted} events accepted, ${rows} rows, ${doubled} duplicated. The figures are not valid`,
  );
}
