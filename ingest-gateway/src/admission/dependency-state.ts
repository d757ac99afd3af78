import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";

/** A check whose state can also be read, for admission and for the status page. */
export type DependencyState = Check & { isUp: () => boolean };

/** @param check receives every change too; left out for a dependency that is not part of readiness */
export function createDependencyState(check?: Check): DependencyState {
  let isUp = false;
  return {
    isUp: () => isUp,
    ok: () => {
      isUp = true;
      check?.ok();
    },
    failing: (reason) => {
      isUp = false;
      check?.failing(reason);
    },
  };
}

/**
 * Checks a dependency at each interval, so that its state is known without a call, and a state that a failed call has
 * set is corrected.
 *
 * @returns a function that waits for the last check; checks end once `stopping` is aborted
 */
export function watchDependency(options: {
  probe: () => Promise<void>;
  state: DependencyState;
  intervalMs: number;
  stopping: AbortSignal;
}): () => Promise<void> {
  const { probe, state, intervalMs, stopping } = options;
  const watch = async () => {
    while (!stopping.aborted) {
      try {
        await probe();
        state.ok();
      } catch (error) {
        state.failing(messageOf(error));
      }
      await delay(intervalMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  };
  const ended = watch();
  return () => ended;
}
