import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";

/** Whether batches with an id are safe to send again. */
export type BatchProtection = {
  /** Records that an id could not be looked up, or an answer could not be stored. */
  failed: (reason: unknown) => void;
  isOn: () => boolean;
};

/** A full Redis rejects writes although it is available, so that only the recent failures of batches show it. */
const FAILURE_COUNTS_MS = 60_000;

export function createBatchProtection(options: {
  isRedisUp: () => boolean;
  log: Log;
  now?: () => number;
}): BatchProtection {
  const { isRedisUp, log, now = () => performance.now() } = options;
  let failedUntil = -Infinity;
  const warn = throttled((reason: unknown, times) =>
    log.warn({ reason: messageOf(reason), times }, "batches accepted without duplicate protection"),
  );
  return {
    failed: (reason) => {
      failedUntil = now() + FAILURE_COUNTS_MS;
      warn(reason);
    },
    isOn: () => isRedisUp() && now() >= failedUntil,
  };
}
