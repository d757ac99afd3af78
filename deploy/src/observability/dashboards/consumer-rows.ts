import { lines, type Row } from "./panel.ts";
import { quantiles } from "./quantiles.ts";

/** Rows that the processor and the sink have in common: lag, batches, dead letters. */
export function consumerRows(job: string, stage: "processor" | "sink"): Row[] {
  const ofJob = `{job="${job}"}`;
  const ofStage = `{stage="${stage}"}`;
  return [
    {
      title: "Lag",
      panels: [
        lines({
          title: "Age of the oldest unprocessed record, by partition",
          description:
            "All partitions grow: the stage is slow. One grows: its circuit breaker is open, or a node sends too much",
          unit: "s",
          limit: { badAt: 300 },
          queries: [
            {
              expr: `max by (partition) (fiberstream_pipeline_consumer_lag_seconds${ofJob})`,
              legend: "{{partition}}",
            },
          ],
        }),
        lines({
          title: "Unprocessed records",
          description: "Of all partitions, as of the latest fetches",
          queries: [
            { expr: `sum(fiberstream_pipeline_consumer_lag_records${ofJob})`, legend: "records" },
          ],
        }),
        lines({
          title: "Time since the last commit",
          description:
            "Grows while records wait: the consumer is stuck. Grows without waiting records: there is nothing to do",
          unit: "s",
          queries: [
            { expr: `fiberstream:no_progress_seconds:max${ofJob}`, legend: "{{instance}}" },
          ],
        }),
      ],
    },
    {
      title: "Records",
      panels: [
        lines({
          title: "Records by outcome",
          description: "What the stage did with its records",
          unit: "cps",
          queries: [
            {
              expr: `sum by (outcome) (rate(fiberstream_pipeline_records_total${ofStage}[5m]))`,
              legend: "{{outcome}}",
            },
          ],
        }),
        lines({
          title: "Dead letters by class",
          description: "For details: npm run fiber -- dlq list",
          unit: "cps",
          queries: [
            {
              expr: `sum by (failure_class) (rate(fiberstream_pipeline_dead_letters_total${ofStage}[5m]))`,
              legend: "{{failure_class}}",
            },
            {
              expr: `sum(rate(fiberstream_pipeline_dead_letter_write_failures_total${ofStage}[5m]))`,
              legend: "failed writes",
            },
          ],
        }),
        lines({
          title: "Rebalances, open breakers, retries",
          description: "Rebalances without a deployment: group members crash or are too slow",
          queries: [
            {
              expr: `sum(increase(fiberstream_pipeline_rebalances_total${ofJob}[5m]))`,
              legend: "rebalances",
            },
            { expr: `sum(fiberstream_pipeline_breaker_open${ofStage})`, legend: "open breakers" },
            {
              expr: `sum by (cause) (increase(fiberstream_pipeline_retries_total${ofStage}[5m]))`,
              legend: "retries: {{cause}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Batches",
      panels: [
        lines({
          title: "Time from the start of a batch to its commit",
          description: "Includes retries",
          unit: "s",
          queries: quantiles("fiberstream_pipeline_batch_duration_seconds", ofStage),
        }),
        lines({
          title: "Records per batch",
          description:
            "Small batches: the consumer keeps up. Large batches: it catches up with a backlog",
          queries: quantiles("fiberstream_pipeline_batch_records", ofStage),
        }),
      ],
    },
  ];
}
