import { Counter, type Registry } from "prom-client";
import type { LookupOutcome, Tier } from "./node-lookup.ts";

/** What only the processor counts; counted once a batch. */
export function createProcessorMetrics(options: { registry: Registry }) {
  const registers = [options.registry];
  const lookups = new Counter({
    name: "fiberstream_node_lookup_total",
    help: "Nodes looked up, by tier and outcome; postgres unavailable means that events go on without their node's data",
    labelNames: ["tier", "outcome"],
    registers,
  });
  const published = new Counter({
    name: "fiberstream_nodes_published_total",
    help: "Changes of nodes written to probe.nodes",
    registers,
  });
  return {
    countLookups: (tier: Tier, outcome: LookupOutcome, nodes: number) => {
      if (nodes > 0) lookups.inc({ tier, outcome }, nodes);
    },
    countPublished: (nodes: number) => published.inc(nodes),
  };
}
