import { setTimeout as delay } from "node:timers/promises";
import type { RowsWatch } from "../check/watch-rows.ts";
import type { WaitWindow } from "../check/waits.ts";
import type { Ledger } from "../load/ledger.ts";
import type { Platform } from "../platform/platform.ts";
import type { Topology } from "../platform/topology.ts";
import type { Progress } from "../report/progress.ts";
import type { FaultReport } from "../report/report.ts";
import { runSchedule } from "../schedule/run-schedule.ts";
import type { PlannedFault } from "../schedule/schedule.ts";
import { type Affected, findAffected } from "./affected.ts";

/** The last fault that runs alone starts at least this long before the load's end. */
const LAST_ALONE_MS = 25_000;
const POLL_INTERVAL_MS = 250;

/**
 * Runs the schedule, and measures for each fault what it affects and how long that waits.
 *
 * @param run.startMs when the load began, by `performance.now()`
 * @param run.alone injects one fault at a time, and waits for the recovery before the next
 * @returns when the last fault has ended, a function that reports what has been measured by then
 */
export async function runMeasuredFaults(run: {
  faults: readonly PlannedFault[];
  alone: boolean;
  minutes: number;
  startMs: number;
  stopping: AbortSignal;
  platform: Platform;
  topology: Topology;
  ledger: Ledger;
  watch: RowsWatch;
  progress: Progress;
  inject: (fault: PlannedFault) => Promise<void>;
}): Promise<() => FaultReport[]> {
  const { topology, startMs, stopping, watch, progress } = run;
  const affected = new Map<string, Affected & { window: WaitWindow }>();
  const recoveries = new Map<PlannedFault, ReturnType<RowsWatch["faultEnded"]>>();
  const untilQuiet = async (fault: PlannedFault) => {
    const isQuiet = () => affected.get(nameOf(fault))?.window.isQuiet() ?? true;
    while (!isQuiet() && !stopping.aborted) await delay(POLL_INTERVAL_MS);
  };
  const ran = await runSchedule({
    faults: run.faults,
    topology,
    startMs,
    stopping,
    ...(run.alone && {
      alone: { lastAtMs: run.minutes * 60_000 - LAST_ALONE_MS, untilQuiet },
    }),
    inject: async (fault) => {
      const of = await findAffected(fault, run);
      affected.set(nameOf(fault), { ...of, window: watch.faultBegins(of.nodes) });
      await run.inject(fault);
    },
    onBegin: progress.faultBegins,
    onEnd: (fault) => {
      affected.get(nameOf(fault))?.window.faultEnded();
      recoveries.set(fault, watch.faultEnded());
      progress.faultEnds(fault);
    },
  });
  return () =>
    ran.map((fault) => {
      const { window, coordinates = [], isFollower = false } = affected.get(nameOf(fault)) ?? {};
      return {
        kind: fault.kind,
        target: fault.target,
        fromMs: fault.beganMs - startMs,
        toMs: fault.endedMs - startMs,
        failure: fault.failure,
        firstRowMs: recoveries.get(fault)?.firstRowMs(),
        recoveredMs: recoveries.get(fault)?.recoveredMs(),
        waits: window?.waits(),
        coordinates,
        isFollower,
      };
    });
}

const nameOf = ({ kind, target, atMs }: PlannedFault) => `${kind} ${target} ${atMs}`;
