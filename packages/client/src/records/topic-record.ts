import type {
  EnrichedProbeMetric,
  Node,
  ProbeAlert,
  ProbeMetric,
} from "@fiberstream/schemas/generated/records";

/** The type of the values of each topic. */
export type TopicValues = {
  "probe.metrics.raw": ProbeMetric;
  "probe.metrics.enriched": EnrichedProbeMetric;
  "probe.nodes": Node;
  "probe.alerts": ProbeAlert;
};

export type TopicRecord<Topic extends keyof TopicValues> = {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: bigint;
  /** The node id; records with the same key are in order. */
  readonly key: string | null;
  /** The record's timestamp: when it was written to the topic. */
  readonly writtenAt: Date;
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded to the schema of this version of the package, whichever version wrote it. */
  readonly value: TopicValues[Topic];
};

/** The value of a record cannot be decoded: FiberStream did not write it, or its schema was deleted. */
export class UndecodableError extends Error {
  override readonly name = "UndecodableError";
  readonly partition: number;
  readonly offset: bigint;

  constructor(position: { topic: string; partition: number; offset: bigint }, reason: string) {
    super(
      `record ${position.offset} of partition ${position.partition} of ${position.topic}: ${reason}`,
    );
    this.partition = position.partition;
    this.offset = position.offset;
  }
}
