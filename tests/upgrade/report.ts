import { STAGES } from "../chaos/check/checker.ts";
import type { UpgradeReport } from "./run-upgrade.ts";

const FAULTS = ["lost", "doubled", "altered", "reordered", "unexplained"] as const;

/** Returns the violations of the guarantees as texts; none if the test was successful. */
export function brokenPromises({
  verdict,
  refused,
  deadLetters,
  failures,
}: UpgradeReport): string[] {
  const faults = STAGES.flatMap((stage) =>
    // A sender without an answer sends again, so the raw topic may have an event twice.
    FAULTS.filter((fault) => stage !== "raw" || fault !== "doubled")
      .map((fault) => ({ fault, count: verdict.stages[stage][fault] }))
      .filter(({ count }) => count > 0)
      .map(({ fault, count }) => `${count} ${fault} in ${stage}`),
  );
  const reasons = Object.entries(refused).map(([reason, count]) => `${count} refused: ${reason}`);
  const deadLetterTexts = deadLetters > 0 ? [`${deadLetters} dead letters`] : [];
  return [...faults, ...reasons, ...deadLetterTexts, ...failures];
}

/** Returns the report as text. */
export function renderReport({ from, steps, accepted, verdict }: UpgradeReport): string {
  const width = Math.max(...steps.map(({ what }) => what.length));
  const lines = steps.map(
    ({ what, caughtUpMs }) =>
      `  ${what.padEnd(width)}  caught up in ${(caughtUpMs / 1_000).toFixed(1)} s`,
  );
  const counts = STAGES.map((stage) => `${verdict.stages[stage].found} in ${stage}`).join(", ");
  return `From ${from}\n${lines.join("\n")}\n${accepted} events accepted: ${counts}\n${verdict.examples.join("\n")}\n`;
}
