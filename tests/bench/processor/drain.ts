import { setTimeout as delay } from "node:timers/promises";
import type { RunningService } from "@fiberstream/testkit/service";

export type Drained = {
  readonly records: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
  readonly rssMb: number;
  readonly batchesPerSecond: number;
  readonly lookups: Readonly<Record<string, number>>;
};

const POLL_INTERVAL_MS = 200;
const STUCK_AFTER_MS = 60_000;

/**
 * Waits until a processor has processed `events` records.
 * @throws when it makes no progress for a minute
 */
export async function watchDrain(
  processor: RunningService,
  events: number,
  onRecords: (records: number) => void,
): Promise<Drained> {
  let first: Sample | undefined;
  let rssMb = 0;
  let progressAtMs = performance.now();
  for (let last = await sampleOf(processor); ; await delay(POLL_INTERVAL_MS)) {
    const sample = await sampleOf(processor);
    if (sample.records > last.records) progressAtMs = sample.atMs;
    last = sample;
    rssMb = Math.max(rssMb, sample.rssMb);
    if (sample.records > 0) first ??= sample;
    onRecords(sample.records);
    if (first !== undefined && sample.records >= events)
      return drainedBetween(first, sample, rssMb);
    if (performance.now() - progressAtMs > STUCK_AFTER_MS) {
      throw new Error(
        `the processor processed only ${sample.records} of ${events} records. Its log:\n${processor.logs()}`,
      );
    }
  }
}

type Sample = {
  readonly atMs: number;
  readonly records: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
  readonly batches: number;
  readonly lookups: Record<string, number>;
};

async function sampleOf(processor: RunningService): Promise<Sample> {
  const text = await (await fetch(`${processor.adminUrl}/metrics`)).text();
  const sum = (pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  const lookups = [
    ...text.matchAll(/^fiberstream_node_lookup_total\{tier="(\w+)",outcome="(\w+)"\} (\d+)/gm),
  ].map(([, tier, outcome, count]) => [`${tier} ${outcome}`, Number(count)] as const);
  return {
    atMs: performance.now(),
    records: sum(/^fiberstream_pipeline_records_total\{.*\} (\d+)/gm),
    cpuSeconds: sum(/^process_cpu_seconds_total ([\d.e+-]+)/gm),
    rssMb: sum(/^process_resident_memory_bytes ([\d.e+-]+)/gm) / 1_048_576,
    batches: sum(/^fiberstream_pipeline_batch_records_count\{.*\} (\d+)/gm),
    lookups: Object.fromEntries(lookups),
  };
}

function drainedBetween(first: Sample, last: Sample, rssMb: number): Drained {
  const seconds = (last.atMs - first.atMs) / 1_000;
  const records = last.records - first.records;
  return {
    records,
    seconds,
    eventsPerSecond: records / seconds,
    cpuUsPerEvent: ((last.cpuSeconds - first.cpuSeconds) * 1e6) / records,
    rssMb,
    batchesPerSecond: (last.batches - first.batches) / seconds,
    lookups: last.lookups,
  };
}
