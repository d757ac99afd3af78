import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { occupiedBy } from "../faults/fault-kinds.ts";
import type { PlannedFault } from "./schedule.ts";
import type { Topology } from "../platform/topology.ts";

/** An injected fault. Times are `performance.now()`. */
export type RanFault = PlannedFault & {
  readonly beganMs: number;
  readonly endedMs: number;
  /** The reason if it could not be injected. */
  readonly failure: string | undefined;
};

/**
 * Injects each fault when it is due; faults overlap unless they affect the same process.
 *
 * @param run.alone injects one fault at a time: the next starts when this function has resolved, and none starts after
 *   the given time
 * @param run.startMs when the load began, by `performance.now()`
 * @param run.stopping skips faults that have not started; running ones continue to their end
 * @returns when the last one has ended
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
    const failure = await withTimeLimit(run.inject(fault)).then(
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

/** A fault that takes longer is reported as failed, and does not block the run. */
const GIVE_UP_AFTER_MS = 180_000;

async function withTimeLimit(happening: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = delay(GIVE_UP_AFTER_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`the fault has not ended after ${GIVE_UP_AFTER_MS / 1_000} s`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([happening, late]);
  } finally {
    over.abort();
  }
}
