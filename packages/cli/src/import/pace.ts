import { setTimeout as delay } from "node:timers/promises";

/** Waits until so many more rows are due; not any longer once `stopping` is aborted. */
export type Pace = (rows: number, stopping: AbortSignal) => Promise<void>;

/** Keeps to a number of rows a second, from now on. What was slower is not caught up: live traffic had reasons. */
export function createPace(rowsPerSecond: number): Pace {
  let dueMs = performance.now();
  return async (rows, stopping) => {
    dueMs += (rows / rowsPerSecond) * 1_000;
    const waitMs = dueMs - performance.now();
    if (waitMs <= 0) dueMs = performance.now();
    else await delay(waitMs, undefined, { signal: stopping }).catch(() => undefined);
  };
}
