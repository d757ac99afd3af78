import { showShare } from "@fiberstream/terminal/progress-bar";
import { ms } from "./render-summary.ts";
import type { Simulation } from "./simulate.ts";
import type { Tally } from "./load/tally.ts";

const REDRAW_EVERY_MS = 200;
/** Interval of progress lines if there is no terminal. */
const LINE_EVERY_MS = 5_000;

export type Progress = { readonly end: () => void };

/**
 * Shows the progress of a load: a bar on a terminal, otherwise a line every 5 s. It writes to standard error, so that
 * standard output has only the summary.
 */
export function showProgress(
  tally: Tally,
  { durationMs, maxEvents }: Pick<Simulation, "durationMs" | "maxEvents">,
): Progress {
  const startMs = performance.now();
  const share = () =>
    Math.min(
      1,
      Math.max(
        durationMs === undefined ? 0 : (performance.now() - startMs) / durationMs,
        maxEvents === undefined ? 0 : tally.counts().sent / maxEvents,
      ),
    );
  const end = showShare({
    share,
    describe: () => describe(tally, startMs),
    redrawEveryMs: REDRAW_EVERY_MS,
    lineEveryMs: LINE_EVERY_MS,
  });
  return { end };
}

function describe(tally: Tally, startMs: number): string {
  const { accepted, refused } = tally.counts();
  const seconds = (performance.now() - startMs) / 1_000;
  const perSecond = (accepted / seconds).toFixed(accepted / seconds < 10 ? 1 : 0);
  const { p95 } = tally.latencyMs();
  return `${perSecond}/s, ${accepted} accepted, ${refused} refused, p95 ${ms(p95)}`;
}
