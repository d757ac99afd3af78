import type { IncomingRecord } from "../records.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";

/** Reports how many records of a partition are not processed, and since when the oldest one waits. */
export function createPartitionLag({
  topic,
  partition,
  metrics,
}: {
  topic: string;
  partition: number;
  metrics: Pick<PipelineMetrics, "lag">;
}) {
  let behind: { readonly at: bigint; readonly oldestPendingMs: number | undefined } | undefined;

  const report = (end: bigint) => {
    if (behind === undefined) return;
    const records = Math.max(0, Number(end - behind.at));
    metrics.lag({ topic, partition, records, oldestPendingMs: behind.oldestPendingMs });
  };
  return {
    /** Called when a position is known, and its lag not yet. */
    begin: (at: bigint) => void (behind = { at, oldestPendingMs: behind?.oldestPendingMs }),
    /** @param oldest the first record that is not processed; undefined if there is none */
    update: (at: bigint, highWatermark: bigint, oldest: IncomingRecord | undefined) => {
      behind = { at, oldestPendingMs: oldest && Number(oldest.timestamp) };
      report(highWatermark);
    },
    /** Updates the lag by the partition's end while nothing is fetched. */
    updateEnd: report,
  };
}
