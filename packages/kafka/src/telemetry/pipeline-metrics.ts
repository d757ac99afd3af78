import { FAILURE_CLASSES, type FailureClass } from "@fiberstream/runtime/outcome";
import { DEPENDENCIES, type Dependency } from "@fiberstream/runtime/errors";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type Stage = "processor" | "sink";
export type RecordOutcome = (typeof RECORD_OUTCOMES)[number];

const RECORD_OUTCOMES = ["ok", "dead", "repeat", "conflict"] as const;

/** The metrics of every consuming service, updated once for each batch, never for each record. */
export type PipelineMetrics = {
  readonly records: (outcome: RecordOutcome, count: number) => void;
  readonly deadLetters: (failureClass: FailureClass, count: number) => void;
  readonly deadLetterWriteFailed: () => void;
  readonly batch: (records: number, seconds: number) => void;
  readonly retry: (cause: Dependency) => void;
  readonly rebalance: () => void;
  readonly breakerOpen: (isOpen: boolean) => void;
  /** Sets a partition's lag; `oldestPendingMs` is the timestamp of its oldest unprocessed record. */
  readonly lag: (position: {
    topic: string;
    partition: number;
    records: number;
    oldestPendingMs: number | undefined;
  }) => void;
  /** Removes the lag of a partition that another member owns now. */
  readonly forgetLag: (topic: string, partition: number) => void;
  /** Records whether a partition is stopped until an operator acts. */
  readonly partitionStopped: (topic: string, partition: number, isStopped: boolean) => void;
};

export function createPipelineMetrics(options: {
  registry: Registry;
  stage: Stage;
}): PipelineMetrics {
  const { stage } = options;
  const registers = [options.registry];
  const pending = new Map<number, { topic: string; oldestPendingMs: number | undefined }>();

  const records = new Counter({
    name: "fiberstream_pipeline_records_total",
    help: "Records that left this stage, by outcome; compare the rate with the stage before",
    labelNames: ["stage", "outcome"],
    registers,
  });
  const deadLetters = new Counter({
    name: "fiberstream_pipeline_dead_letters_total",
    help: "Records sent to the dead-letter topic, by failure class; details are in their headers",
    labelNames: ["stage", "failure_class"],
    registers,
  });
  const failedDeadLetterWrites = new Counter({
    name: "fiberstream_pipeline_dead_letter_write_failures_total",
    help: "Failed writes of dead letters; they are retried and their partitions wait. Check Kafka, and the dead-letter topic's settings and ACLs",
    labelNames: ["stage"],
    registers,
  });
  const batchDuration = new Histogram({
    name: "fiberstream_pipeline_batch_duration_seconds",
    help: "From the start of a batch to its commit, with retries and the waits between them, without the wait for a breaker",
    labelNames: ["stage"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const batchRecords = new Histogram({
    name: "fiberstream_pipeline_batch_records",
    help: "Records in a batch; many small batches: the stage keeps up, large ones: it drains a backlog",
    labelNames: ["stage"],
    buckets: [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
    registers,
  });
  const lagRecords = new Gauge({
    name: "fiberstream_pipeline_consumer_lag_records",
    help: "Records of a partition after the last processed one, by its leader's latest answer",
    labelNames: ["topic", "partition"],
    registers,
  });
  const lagSeconds = new Gauge({
    name: "fiberstream_pipeline_consumer_lag_seconds",
    help: "Age of the oldest unprocessed record of a partition; 0 when there is none",
    labelNames: ["topic", "partition"],
    registers,
    collect() {
      this.reset();
      const nowMs = Date.now();
      for (const [partition, { topic, oldestPendingMs }] of pending) {
        const lagMs = oldestPendingMs === undefined ? 0 : Math.max(0, nowMs - oldestPendingMs);
        this.set({ topic, partition }, lagMs / 1_000);
      }
    },
  });
  const lastProgress = new Gauge({
    name: "fiberstream_pipeline_last_progress_timestamp_seconds",
    help: "When the stage last committed a batch, Unix time. Unchanged while lag grows: it is stuck",
    labelNames: ["stage"],
    registers,
  });
  const retries = new Counter({
    name: "fiberstream_pipeline_retries_total",
    help: "Batches retried because a dependency was unavailable or busy; the partition waits meanwhile",
    labelNames: ["stage", "cause"],
    registers,
  });
  const breaker = new Gauge({
    name: "fiberstream_pipeline_breaker_open",
    help: "1 when a partition is stopped because too many of its records are bad",
    labelNames: ["stage"],
    registers,
  });
  const rebalances = new Counter({
    name: "fiberstream_pipeline_rebalances_total",
    help: "Assignments of partitions that this member has received",
    registers,
  });
  const stopped = new Gauge({
    name: "fiberstream_pipeline_partition_stopped",
    help: "1 for a partition that is stopped until an operator acts; /readyz and the log have the reason and what to do. All others continue",
    labelNames: ["stage", "topic", "partition"],
    registers,
  });
  breaker.set({ stage }, 0);
  // All series exist from the start, so that the first failure is an increase, also after a restart.
  failedDeadLetterWrites.inc({ stage }, 0);
  for (const outcome of RECORD_OUTCOMES) records.inc({ stage, outcome }, 0);
  for (const failure_class of FAILURE_CLASSES) deadLetters.inc({ stage, failure_class }, 0);
  for (const cause of DEPENDENCIES) retries.inc({ stage, cause }, 0);
  batchDuration.zero({ stage });
  batchRecords.zero({ stage });

  return {
    records: (outcome, count) => records.inc({ stage, outcome }, count),
    deadLetters: (failure_class, count) => deadLetters.inc({ stage, failure_class }, count),
    deadLetterWriteFailed: () => failedDeadLetterWrites.inc({ stage }),
    batch: (count, seconds) => {
      batchDuration.observe({ stage }, seconds);
      batchRecords.observe({ stage }, count);
      lastProgress.set({ stage }, Date.now() / 1_000);
    },
    retry: (cause) => retries.inc({ stage, cause }),
    rebalance: () => rebalances.inc(),
    breakerOpen: (isOpen) => breaker.set({ stage }, isOpen ? 1 : 0),
    lag: ({ topic, partition, records: count, oldestPendingMs }) => {
      lagRecords.set({ topic, partition }, count);
      pending.set(partition, { topic, oldestPendingMs });
    },
    forgetLag: (topic, partition) => {
      lagRecords.remove({ topic, partition });
      lagSeconds.remove({ topic, partition });
      pending.delete(partition);
    },
    partitionStopped: (topic, partition, isStopped) => {
      if (isStopped) stopped.set({ stage, topic, partition }, 1);
      else stopped.remove({ stage, topic, partition });
    },
  };
}
