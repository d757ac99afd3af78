import type { OffsetRetention } from "@fiberstream/kafka/offset-retention";
import { TOPICS } from "@fiberstream/schemas/topics";

const MS_PER_MINUTE = 60_000;
/** 30 days: with the last member gone for so long, nothing in raw is left to be read twice either. */
const WANTED_MINUTES = 43_200;

/**
 * What is wrong with how long brokers keep offsets, a line each. The processor's place in raw is kept so long
 * after its last member has left; shorter than raw is kept, and it would enrich again what is still in raw.
 *
 * @param retention undefined where it could not be read
 */
export function offsetRetentionWarnings(
  retention: readonly OffsetRetention[] | undefined,
): readonly string[] {
  const setIt = `set offsets.retention.minutes=${WANTED_MINUTES} in the brokers' server.properties and restart them`;
  if (retention === undefined) {
    return [
      `warning: this account may not read the brokers' configuration (DESCRIBE_CONFIGS on the cluster): see to it that offsets.retention.minutes is more than ${rawMinutes}`,
    ];
  }
  return retention
    .filter(({ minutes }) => minutes <= rawMinutes)
    .map(
      ({ brokerId, minutes }) =>
        `warning: broker ${brokerId} forgets the offsets of a group that has been empty for ${daysOf(minutes)} (offsets.retention.minutes=${minutes}), probe.metrics.raw is kept for ${daysOf(rawMinutes)}: a processor that is away for so long would enrich events again; ${setIt}`,
    );
}

const rawMinutes = TOPICS["probe.metrics.raw"].retentionMs / MS_PER_MINUTE;

const daysOf = (minutes: number): string => {
  const days = Number((minutes / 1_440).toFixed(1));
  return `${days} day${days === 1 ? "" : "s"}`;
};
