import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

/** 3.5 to 7 s: members that come or go have joined by then, and a coordinator has moved. */
const TRIES = 8;
const MOST_WAIT_MS = 2_000;

/**
 * Commits what a handler has done. A commit that fails for the time being is tried again before the handler
 * would have to do its batch again.
 *
 * @param owned aborted when the partition is no longer ours: no further try then
 * @throws {TransientError} when all tries have failed @throws what else `commit` throws, at once
 */
export async function commitAgain(
  commit: () => Promise<void>,
  owned: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await commit();
    } catch (error) {
      if (!(error instanceof TransientError) || tries === TRIES || owned?.aborted) throw error;
      const waitMs = Math.min(MOST_WAIT_MS, retryDelayMs(tries));
      await delay(waitMs, undefined, owned && { signal: owned }).catch(() => undefined);
      if (owned?.aborted) throw error;
    }
  }
}
