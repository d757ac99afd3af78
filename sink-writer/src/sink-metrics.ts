import type { PipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { Counter, Histogram, type Registry } from "prom-client";
import type { InsertedRows } from "./insert/insert-rows.ts";
import type { Origin } from "./rows/row-buffer.ts";
import type { DeadRecord } from "./rows/row-reader.ts";

export type SinkMetrics = {
  /** Counts a committed write. */
  readonly written: (write: {
    inserted: readonly InsertedRows[];
    /** Records that could not be decoded. Rows that PostgreSQL rejected are in `inserted`. */
    dead: readonly DeadRecord[];
  }) => void;
  readonly copiedBytes: (bytes: number) => void;
};

/**
 * Creates the sink's own metrics, and updates those of the pipeline.
 * @param options.isReplayed whether a record was written before a rewind: then its age says nothing about the pipeline
 */
export function createSinkMetrics(options: {
  registry: Registry;
  pipeline: PipelineMetrics;
  nowMs: () => number;
  isReplayed: (origin: Origin) => boolean;
}): SinkMetrics {
  const { pipeline, nowMs, isReplayed } = options;
  const registers = [options.registry];
  const rowsTotal = new Counter({
    name: "fiberstream_sink_rows_total",
    help: "Rows written, by path: copy is the fast one; staging is used for batches with duplicates, at about half the speed",
    labelNames: ["path"],
    registers,
  });
  const conflictsTotal = new Counter({
    name: "fiberstream_sink_conflicts_total",
    help: "Events received again with the same identity but other content, stored in metric_conflicts; check the probe",
    registers,
  });
  const bytesTotal = new Counter({
    name: "fiberstream_sink_copy_bytes_total",
    help: "Bytes sent to PostgreSQL by COPY, retries included",
    registers,
  });
  const eventAge = new Histogram({
    name: "fiberstream_sink_event_age_seconds",
    help: "From the gateway accepting an event to its row being committed; the objective is 99 % below 5 s. Excludes duplicates and records that a rewound sink reads again",
    // 5, the objective, is one of them, so that the share below it is exact.
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 21_600],
    registers,
  });
  rowsTotal.inc({ path: "copy" }, 0);
  rowsTotal.inc({ path: "staging" }, 0);

  const countDead = (dead: readonly DeadRecord[]) => {
    pipeline.records("dead", dead.length);
    for (const { reason } of dead) pipeline.deadLetters(reason.failureClass, 1);
  };

  return {
    written: ({ inserted, dead }) => {
      countDead(dead);
      const committedMs = nowMs();
      for (const { rows, result } of inserted) {
        const { copied, staged, repeats, conflicts, refused } = result;
        rowsTotal.inc({ path: "copy" }, copied);
        rowsTotal.inc({ path: "staging" }, staged);
        conflictsTotal.inc(conflicts);
        pipeline.records("ok", copied + staged);
        pipeline.records("repeat", repeats);
        pipeline.records("conflict", conflicts);
        countDead([...refused.values()]);
        // The one metric that needs each event: 0.07 us, measured.
        const count = rows.count();
        const leftOut = new Set(result.leftOut);
        for (let row = 0; row < count; row++) {
          if (refused.has(row) || leftOut.has(row) || isReplayed(rows.originOf(row))) continue;
          eventAge.observe(Math.max(0, committedMs - rows.receivedAtOf(row) / 1_000) / 1_000);
        }
      }
    },
    copiedBytes: (bytes) => bytesTotal.inc(bytes),
  };
}
