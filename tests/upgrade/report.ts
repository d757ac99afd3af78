import { STAGES } from "../chaos/check/checker.ts";
import type { UpgradeReport } from "./run-upgrade.ts";

const FAULTS = ["lost", "doubled", "altered", "reordered", "unexplained"] as const;

/** Returns the violations of the guarantees as texts; none if the test was successful. */
export function brokenPromises({
  verdict,
  refused,
  deadLetters,
  consoles,
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
  return [...faults, ...reasons, ...deadLetterTexts, ...consoles.failures, ...failures];
}

/** Returns the report as text. */
export function renderReport({ from, steps, accepted, verdict, consoles }: UpgradeReport): string {
  const width = Math.max(...steps.map(({ what }) => what.length));
  const lines = steps.map(
    ({ what, caughtUpMs }) =>
      `  ${what.padEnd(width)}  caught up in ${(caughtUpMs / 1_000).toFixed(1)} s`,
  );
  const counts = STAGES.map((stage) => `${verdict.stages[stage].found} in ${stage}`).join(", ");
  const answers = Object.entries(consoles.right)
    .map(([name, count]) => `${count} of ${name}`)
    .join(", ");
  const refusals = Object.entries(consoles.refused)
    .map(([code, count]) => `, ${count} refused: ${code}`)
    .join("");
  return `From ${from}\n${lines.join("\n")}\n${accepted} events accepted: ${counts}\nright answers: ${answers || "none, there was no console"}${refusals}\n${verdict.examples.join("\n")}\n`;
}
