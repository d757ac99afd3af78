import type { OutgoingRecord } from "../records.ts";

/** A broker will never take these records as they are; nothing of their transaction is seen. */
export class RecordRefusedError extends Error {
  override readonly name = "RecordRefusedError";
  readonly topic: string;
  readonly partition: number;
  /** The protocol's name of why, such as "MESSAGE_TOO_LARGE". */
  readonly type: string;
  /** The very objects that were to be sent. */
  readonly records: readonly OutgoingRecord[];

  constructor(fields: {
    topic: string;
    partition: number;
    type: string;
    records: readonly OutgoingRecord[];
  }) {
    const { topic, partition, type, records } = fields;
    super(`partition ${partition} of ${topic} refuses ${records.length} records: ${type}`);
    this.topic = topic;
    this.partition = partition;
    this.type = type;
    this.records = records;
  }
}

/**
 * Answers that say so of a batch, whoever leads the partition. INVALID_TIMESTAMP is none: a leader whose clock is behind
 * takes for ahead what another one would take.
 */
export const REFUSALS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
]);
