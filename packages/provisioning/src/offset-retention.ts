import type { OffsetRetention } from "@fiberstream/kafka/offset-retention";
import { TOPICS } from "@fiberstream/schemas/topics";

const MS_PER_MINUTE = 60_000;
/** 30 days: when a group has been empty for so long, raw has no records left that it could read twice. */
const WANTED_MINUTES = 43_200;

/**
 * Returns a warning for each broker that keeps committed offsets for a shorter time than the records of raw. Kafka
 * deletes the offsets of the processor's group so long after its last member has left; the processor would then read
 * the remaining records of raw again.
 *
 * @param retention undefined if it could not be read
 */
export function offsetRetentionWarnings(
  retention: readonly OffsetRetention[] | undefined,
): readonly string[] {
  const advice = `set offsets.retention.minutes=${WANTED_MINUTES} in the brokers' server.properties and restart them`;
  if (retention === undefined) {
    return [
      `warning: this account has no permission to read the brokers' configuration (DESCRIBE_CONFIGS on the cluster). Check that offsets.retention.minutes is more than ${rawMinutes}`,
    ];
  }
  return retention
    .filter(({ minutes }) => minutes <= rawMinutes)
    .map(
      ({ brokerId, minutes }) =>
        `warning: broker ${brokerId} deletes the offsets of a group that has been empty for ${daysOf(minutes)} (offsets.retention.minutes=${minutes}), but probe.metrics.raw is kept for ${daysOf(rawMinutes)}. A processor that is down for so long would enrich events again; ${advice}`,
    );
}

const rawMinutes = TOPICS["probe.metrics.raw"].retentionMs / MS_PER_MINUTE;

const daysOf = (minutes: number): string => {
  const days = Number((minutes / 1_440).toFixed(1));
  return `${days} day${days === 1 ? "" : "s"}`;
};
