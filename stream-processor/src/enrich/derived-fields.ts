import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { type Quality } from "../decode/event-time.ts";
import type { Anomaly } from "../windows/anomaly.ts";

/** The appended fields that differ from event to event, in the schema's order. */
export type DerivedFields = Pick<EnrichedProbeMetric, (typeof DERIVED_NAMES)[number]>;

export const DERIVED_NAMES = [
  "quality",
  "ingest_delay_ms",
  "latency_mean_ms",
  "latency_stddev_ms",
  "latency_z",
  "packet_loss_spike",
  "anomaly_score",
  "anomaly_reason",
] as const;

/** An upper bound of their encoded size. */
export const DERIVED_MAX_BYTES = 64;

/**
 * Writes an event's derived fields as Avro at byte `at` of `target`, in a tenth of the time that the library takes. An
 * optional value is its branch (0: null, 2: present), followed by the value.
 *
 * @returns the position after them
 */
export function writeDerived(
  target: Buffer,
  at: number,
  quality: Quality,
  ingestDelayMs: number,
  anomaly: Anomaly | undefined,
): number {
  target[at++] = QUALITY_BYTE[quality];
  at = writeDouble(target, at, ingestDelayMs);
  if (anomaly === undefined) {
    // Three nulls, no spike, two nulls.
    return target.fill(0, at, at + 6) && at + 6;
  }
  at = writeOptional(target, at, anomaly.latencyMeanMs);
  at = writeOptional(target, at, anomaly.latencyStddevMs);
  at = writeOptional(target, at, anomaly.latencyZ);
  target[at++] = anomaly.isLossSpike ? 1 : 0;
  at = writeDouble(target, at, anomaly.score);
  if (anomaly.reason === null) {
    target[at++] = 0;
    return at;
  }
  target[at++] = 2;
  target[at++] = anomaly.reason.length * 2;
  return at + target.write(anomaly.reason, at, "latin1");
}

/** An enum is encoded as its symbol's index, zigzag. */
const QUALITY_BYTE: Record<Quality, number> = { unknown: 0, good: 2, late: 4, ahead: 6 };

function writeOptional(target: Buffer, at: number, value: number | null): number {
  if (value !== null) return writeDouble(target, at, value);
  target[at] = 0;
  return at + 1;
}

function writeDouble(target: Buffer, at: number, value: number): number {
  target[at] = 2;
  return target.writeDoubleLE(value, at + 1);
}
