import { lines, type Row } from "./panel.ts";
import { quantiles } from "./quantiles.ts";

/** What the processor and the sink have in common: their lag, their batches, what they put aside. */
export function consumerRows(job: string, stage: "processor" | "sink"): Row[] {
  const ofJob = `{job="${job}"}`;
  const ofStage = `{stage="${stage}"}`;
  return [
    {
      title: "Lag",
      panels: [
        lines({
          title: "Oldest record that waits, by partition",
          description:
            "All alike: the stage is slow. One alone: its breaker, or a node that floods",
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
          title: "Records that wait",
          description: "Over all partitions, as of the latest fetches",
          queries: [
            { expr: `sum(fiberstream_pipeline_consumer_lag_records${ofJob})`, legend: "records" },
          ],
        }),
        lines({
          title: "Since the last commit",
          description: "Growing while records wait: stuck. Growing alone: nothing to do",
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
          description: "What became of them",
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
          description: "npm run fiber -- dlq list tells more",
          unit: "cps",
          queries: [
            {
              expr: `sum by (failure_class) (rate(fiberstream_pipeline_dead_letters_total${ofStage}[5m]))`,
              legend: "{{failure_class}}",
            },
            {
              expr: `sum(rate(fiberstream_pipeline_dead_letter_write_failures_total${ofStage}[5m]))`,
              legend: "writes that failed",
            },
          ],
        }),
        lines({
          title: "Rebalances, open breakers, retries",
          description: "Rebalances without a deployment: members that die or are too slow",
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
          title: "From taking a batch to its commit",
          description: "Retries count in",
          unit: "s",
          queries: quantiles("fiberstream_pipeline_batch_duration_seconds", ofStage),
        }),
        lines({
          title: "Records in a batch",
          description: "Small ones: it keeps up. Large ones: it catches up",
          queries: quantiles("fiberstream_pipeline_batch_records", ofStage),
        }),
      ],
    },
  ];
}
