import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";

/** A check that can also be read, for decisions on the way of an event and for the status page. */
export type DependencyState = Check & { isUp: () => boolean };

/** @param check told of every change too; left out for a dependency that readiness does not hang on */
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
 * Looks at a dependency again and again, so that its state is known without asking for it and a state
 * that a failed call has set does not stay.
 *
 * @returns waits for the last look to end; they end once `stopping` is aborted
 */
export function watchDependency(options: {
  look: () => Promise<void>;
  state: DependencyState;
  intervalMs: number;
  stopping: AbortSignal;
}): () => Promise<void> {
  const { look, state, intervalMs, stopping } = options;
  const watch = async () => {
    while (!stopping.aborted) {
      try {
        await look();
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
