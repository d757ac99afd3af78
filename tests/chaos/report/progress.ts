import { showShare } from "@fiberstream/terminal/progress-bar";
import type { Ledger } from "../load/ledger.ts";
import type { RanFault } from "../schedule/run-schedule.ts";
import type { PlannedFault } from "../schedule/schedule.ts";

/** Shows the progress of a run on standard error: a bar on a terminal, otherwise a line from time to time. */
export type Progress = {
  readonly step: (progress: string) => void;
  readonly begin: (load: {
    ledger: Ledger;
    events: number;
    minutes: number;
    lag: () => number;
  }) => void;
  readonly faultBegins: (fault: PlannedFault) => void;
  readonly faultEnds: (fault: RanFault) => void;
  readonly end: () => void;
};

const REDRAW_EVERY_MS = 500;
const LINE_EVERY_MS = 10_000;

export function createProgress(): Progress {
  const under = new Set<string>();
  let finished = 0;
  let printed = "";
  let stop = () => undefined as unknown;

  const end = () => {
    stop();
    stop = () => undefined;
  };
  const nameOf = ({ kind, target, atMs }: PlannedFault) => `${kind} ${target} (${atMs})`;
  return {
    step: (doing) => {
      end();
      if (doing !== printed) process.stderr.write(`${doing}\n`);
      printed = doing;
    },
    begin: ({ ledger, events, minutes, lag }) => {
      end();
      const startMs = performance.now();
      const share = () => {
        const passed = (performance.now() - startMs) / (minutes * 60_000);
        return Math.min(1, passed, ledger.counts().accepted / events);
      };
      const describe = () => {
        const faults = [...under].map((name) => name.replace(/ \(\d+\)$/, "")).join(", ");
        return `${ledger.counts().accepted} accepted, lag ${lag()}, ${finished} faults finished${faults && `, current: ${faults}`}`;
      };
      stop = showShare({
        share,
        describe,
        redrawEveryMs: REDRAW_EVERY_MS,
        lineEveryMs: LINE_EVERY_MS,
      });
    },
    faultBegins: (fault) => under.add(nameOf(fault)),
    faultEnds: (fault) => {
      under.delete(nameOf(fault));
      finished++;
    },
    end,
  };
}
