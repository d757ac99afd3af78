import type { SchemaName } from "./avro-schema.ts";

/** What a topic promises to those that read it. Defined here once: the deploy step creates topics from it. */
export type Topic = {
  /** Which field of the value is the record's key; records of one key keep their order. */
  readonly key: "node_id" | "original";
  /** Avro by the registry (Confluent wire format), or bytes as they came. */
  readonly value: { readonly avro: SchemaName } | "original bytes";
  readonly partitions: number;
  readonly cleanup: "delete" | "compact";
  /** Only where cleanup is "delete". */
  readonly retentionMs?: number;
  readonly meaning: string;
  readonly reliedOnBy: readonly string[];
};

const days = (count: number) => count * 24 * 60 * 60 * 1_000;

export const TOPICS = {
  "probe.metrics.raw": {
    key: "node_id",
    value: { avro: "ProbeMetric" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(7),
    meaning: "Every event that a gateway has answered 202 for, as it came.",
    reliedOnBy: ["stream-processor"],
  },
  "probe.metrics.enriched": {
    key: "node_id",
    value: { avro: "EnrichedProbeMetric" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    meaning: "The same events with their node's data.",
    reliedOnBy: ["sink-writer", "data teams"],
  },
  "probe.metrics.dead-letter": {
    key: "original",
    value: "original bytes",
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    meaning: "Records that could not go on, untouched; headers say where they came from and why.",
    reliedOnBy: ["operators"],
  },
  "probe.nodes": {
    key: "node_id",
    value: { avro: "Node" },
    partitions: 12,
    cleanup: "compact",
    meaning: "The latest state of every node.",
    reliedOnBy: ["node caches", "data teams"],
  },
  "probe.alerts": {
    key: "node_id",
    value: { avro: "ProbeAlert" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    meaning: "Conditions of nodes that began or ended, at most one open of each node and kind.",
    reliedOnBy: ["operators", "data teams"],
  },
} as const satisfies Record<string, Topic>;

export type TopicName = keyof typeof TOPICS;
