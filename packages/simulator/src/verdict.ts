import type { Simulation, Summary } from "./simulate.ts";

/** Answers that are expected if senders send as fast as they can. */
const EXPECTED_WHEN_UNLIMITED = /(OVERLOADED|RATE_LIMITED)$/;

/** Returns the problems of a run as texts; none if it was successful. */
export function problemsOf(summary: Summary, rate: Simulation["rate"]): string[] {
  const { accepted, reasons, unsent, verified } = summary;
  const unexpected = Object.entries(reasons)
    .filter(([reason]) => rate !== "unlimited" || !EXPECTED_WHEN_UNLIMITED.test(reason))
    .reduce((sum, [, events]) => sum + events, 0);
  return [
    ...(unexpected > 0 ? [`${unexpected} refused`] : []),
    ...(unsent > 0 ? [`${unsent} not sent in time: the gateway is slower than this rate`] : []),
    ...(accepted === 0 ? ["no event was accepted"] : []),
    ...(verified && verified.lost > 0 ? [`${verified.lost} lost`] : []),
    ...(verified && verified.doubled > 0 ? [`${verified.doubled} duplicated`] : []),
    ...(verified && verified.altered > 0 ? [`${verified.altered} altered`] : []),
  ];
}
