import type {
  EnrichedProbeMetric,
  Node,
  ProbeAlert,
  ProbeMetric,
} from "@fiberstream/schemas/generated/records";

/** What each topic's records hold. */
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
  /** The node's id: records of one key keep their order. */
  readonly key: string | null;
  /** When it was written to the topic. */
  readonly writtenAt: Date;
  readonly headers: Readonly<Record<string, string>>;
  /** In the shape that this version of the package knows, whichever version wrote it. */
  readonly value: TopicValues[Topic];
};

/** A record's value cannot be read: it was not written by FiberStream, or its schema is gone. */
export class UndecodableError extends Error {
  override readonly name = "UndecodableError";
  readonly partition: number;
  readonly offset: bigint;

  constructor(place: { topic: string; partition: number; offset: bigint }, reason: string) {
    super(`record ${place.offset} of partition ${place.partition} of ${place.topic}: ${reason}`);
    this.partition = place.partition;
    this.offset = place.offset;
  }
}
