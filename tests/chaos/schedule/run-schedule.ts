import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { occupiedBy } from "../faults/fault-kinds.ts";
import type { PlannedFault } from "./schedule.ts";
import type { Topology } from "../platform/topology.ts";

/** A fault as it happened. Times are `performance.now()`. */
export type RanFault = PlannedFault & {
  readonly beganMs: number;
  readonly endedMs: number;
  /** Why it could not be done, if it could not. */
  readonly failure: string | undefined;
};

/**
 * Lets each fault happen when it is due, side by side where they do not work on the same process.
 *
 * @param run.alone has one fault at a time: the next begins when what this waits for has come, and none
 *   after so long
 * @param run.startMs when the load began, by `performance.now()`
 * @param run.stopping leaves out what has not begun; what has goes on to its end
 * @returns when the last one is over
 */
export async function runSchedule(run: {
  faults: readonly PlannedFault[];
  topology: Topology;
  startMs: number;
  stopping: AbortSignal;
  alone?: {
    readonly untilQuiet: (fault: PlannedFault) => Promise<void>;
    readonly lastAtMs: number;
  };
  inject: (fault: PlannedFault) => Promise<void>;
  onBegin: (fault: PlannedFault) => void;
  onEnd: (fault: RanFault) => void;
}): Promise<RanFault[]> {
  const tails = new Map<string, Promise<unknown>>();
  const ran: RanFault[] = [];

  const happen = async (fault: PlannedFault, before: readonly Promise<unknown>[]) => {
    await Promise.all(before);
    const dueMs = run.startMs + fault.atMs;
    await delay(Math.max(0, dueMs - performance.now()), undefined, { signal: run.stopping }).catch(
      () => undefined,
    );
    if (run.stopping.aborted) return;
    const isTooLate = performance.now() - run.startMs > (run.alone?.lastAtMs ?? Infinity);
    if (isTooLate) return;
    run.onBegin(fault);
    const beganMs = performance.now();
    const failure = await withinReason(run.inject(fault)).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    const done = { ...fault, beganMs, endedMs: performance.now(), failure };
    ran.push(done);
    run.onEnd(done);
    await run.alone?.untilQuiet(fault);
  };

  const all = run.faults.map((fault) => {
    const keys = run.alone === undefined ? occupiedBy(fault, run.topology) : ["everything"];
    const happening = happen(
      fault,
      keys.map((key) => tails.get(key) ?? Promise.resolve()),
    );
    for (const key of keys) tails.set(key, happening);
    return happening;
  });
  await Promise.all(all);
  return ran.toSorted((a, b) => a.beganMs - b.beganMs);
}

/** A fault that has not ended by then is given up and told, and does not hold the run up. */
const GIVE_UP_AFTER_MS = 180_000;

async function withinReason(happening: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = delay(GIVE_UP_AFTER_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it has not ended after ${GIVE_UP_AFTER_MS / 1_000} s`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([happening, late]);
  } finally {
    over.abort();
  }
}
