import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import type { DeadReason } from "@fiberstream/runtime/outcome";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import type { RawEvent } from "./raw-event.ts";

export type TimeLimits = {
  readonly lateAfterMs: number;
  readonly tooOldAfterMs: number;
  readonly futureAfterMs: number;
};

export const eventTimeSettings = () => ({
  lateAfterMs: setting(
    "LATE_AFTER_MS",
    wholeNumber({ min: 0, max: 31 * 86_400_000 }).default(3_600_000),
    "events received this long after they were measured are flagged as late",
  ),
  tooOldAfterMs: setting(
    "TOO_OLD_AFTER_MS",
    wholeNumber({ min: 1_000, max: 3_650 * 86_400_000 }).default(7 * 86_400_000),
    "events received this long after they were measured are dead-lettered",
  ),
  futureAfterMs: setting(
    "FUTURE_AFTER_MS",
    wholeNumber({ min: 0, max: 31 * 86_400_000 }).default(300_000),
    "events measured this long after they were received are dead-lettered",
  ),
});

export type Quality = EnrichedProbeMetric["quality"];

export type TimePolicy = {
  /** Returns the reason why the event is dead, or undefined. */
  faultOf: (event: RawEvent) => DeadReason | undefined;
  qualityOf: (event: RawEvent) => Quality;
};

/**
 * The policy for events that are late or in the future. It compares the event's own two times, never this machine's
 * clock, so that an event is judged the same whenever it is read, also when it is replayed.
 */
export function createTimePolicy(limits: TimeLimits): TimePolicy {
  const { lateAfterMs, tooOldAfterMs, futureAfterMs } = limits;
  const tooOld: DeadReason = {
    failureClass: "too-old",
    message: `timestamp is more than ${tooOldAfterMs} ms before received_at`,
  };
  const inFuture: DeadReason = {
    failureClass: "in-future",
    message: `timestamp is more than ${futureAfterMs} ms after received_at`,
  };
  return {
    faultOf: (event) => {
      const delayMs = ingestDelayMsOf(event);
      if (delayMs > tooOldAfterMs) return tooOld;
      return delayMs < -futureAfterMs ? inFuture : undefined;
    },
    qualityOf: (event) => {
      const delayMs = ingestDelayMsOf(event);
      if (delayMs > lateAfterMs) return "late";
      return delayMs < 0 ? "ahead" : "good";
    },
  };
}

export const ingestDelayMsOf = ({ receivedAtMicros, timestampMicros }: RawEvent): number =>
  (receivedAtMicros - timestampMicros) / 1_000;
