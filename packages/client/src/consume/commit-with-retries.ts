import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

/** 3.5 to 7 s: enough for a rebalance, or for a coordinator to move. */
const TRIES = 8;
const MAX_WAIT_MS = 2_000;

/**
 * Commits the batch of a handler. It retries a commit that fails transiently, so that the handler does not have to
 * process the batch again.
 *
 * @param owned aborted when this member has lost the partition; then it does not retry
 * @throws {TransientError} when all attempts have failed
 * @throws other errors of `commit` at once
 */
export async function commitWithRetries(
  commit: () => Promise<void>,
  owned: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await commit();
    } catch (error) {
      if (!(error instanceof TransientError) || tries === TRIES || owned?.aborted) throw error;
      const waitMs = Math.min(MAX_WAIT_MS, retryDelayMs(tries));
      await delay(waitMs, undefined, owned && { signal: owned }).catch(() => undefined);
      if (owned?.aborted) throw error;
    }
  }
}
