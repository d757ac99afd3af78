import type { PipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { Counter, Gauge, type Registry } from "prom-client";
import { LOOKUP_OUTCOMES, type LookupOutcome, type Tier } from "./nodes/node-lookup.ts";
import type { BatchCounts } from "./route-batch.ts";

export type ProcessorMetrics = {
  readonly countLookups: (tier: Tier, outcome: LookupOutcome, nodes: number) => void;
  readonly countPublished: (nodes: number) => void;
  readonly countBatch: (counts: BatchCounts) => void;
  readonly countEvicted: () => void;
};

/**
 * Creates the processor's own metrics. They are updated once for each batch.
 * @param options.windowNodes returns how many nodes have a window
 */
export function createProcessorMetrics(options: {
  registry: Registry;
  pipeline: PipelineMetrics;
  windowNodes: () => number;
}): ProcessorMetrics {
  const { pipeline, windowNodes } = options;
  const registers = [options.registry];
  const lookups = new Counter({
    name: "fiberstream_node_lookup_total",
    help: "Node look-ups, by tier and outcome. postgres unavailable: events continue without their node's data",
    labelNames: ["tier", "outcome"],
    registers,
  });
  const published = new Counter({
    name: "fiberstream_nodes_published_total",
    help: "Node changes published to probe.nodes",
    registers,
  });
  const late = new Counter({
    name: "fiberstream_late_events_total",
    help: "Events flagged as late: received long after they were measured (LATE_AFTER_MS)",
    registers,
  });
  const alerts = new Counter({
    name: "fiberstream_alert_changes_total",
    help: "Node alerts opened or resolved in probe.alerts",
    registers,
  });
  const evicted = new Counter({
    name: "fiberstream_window_evictions_total",
    help: "Node windows evicted because a partition has more nodes than WINDOW_NODES_PER_PARTITION: the sink drops these nodes' duplicates, and their anomaly scores start over",
    registers,
  });
  const ahead = new Counter({
    name: "fiberstream_window_records_ahead_total",
    help: "Raw records whose Kafka timestamp is more than 5 minutes ahead of this processor's clock; they are enriched but do not advance the windows' clock. Some: a broker's or producer's clock is ahead. All: this processor's clock is behind",
    registers,
  });
  const windows: Gauge = new Gauge({
    name: "fiberstream_window_nodes",
    help: "Nodes whose recent events are in memory, up to 3 KB each",
    registers,
    collect: () => windows.set(windowNodes()),
  });
  for (const [tier, outcomes] of Object.entries(LOOKUP_OUTCOMES)) {
    for (const outcome of outcomes) lookups.inc({ tier, outcome }, 0);
  }
  return {
    countLookups: (tier, outcome, nodes) => {
      if (nodes > 0) lookups.inc({ tier, outcome }, nodes);
    },
    countPublished: (nodes) => published.inc(nodes),
    countEvicted: () => evicted.inc(),
    countBatch: (counts) => {
      pipeline.records("ok", counts.ok);
      pipeline.records("repeat", counts.duplicates);
      let dead = 0;
      for (const [failureClass, records] of counts.dead) {
        pipeline.deadLetters(failureClass, records);
        dead += records;
      }
      pipeline.records("dead", dead);
      late.inc(counts.late);
      alerts.inc(counts.alerts);
      ahead.inc(counts.ahead);
    },
  };
}
