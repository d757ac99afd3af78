import type { OutgoingRecord } from "../records.ts";

/** A broker will never accept these records as they are; nothing of their transaction becomes visible. */
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
 * Whether an answer says so of a batch, whoever leads the partition. A leader whose clock is wrong refuses timestamps that
 * another one would take: they count as refused only where this process's clock agrees about one of them.
 */
export const isRefusal = (
  type: string,
  records: readonly OutgoingRecord[],
  nowMs: number,
): boolean => {
  if (type !== "INVALID_TIMESTAMP") return REFUSALS.has(type);
  return records.some(({ timestamp }) => {
    const aheadMs = timestamp === undefined ? 0 : Number(timestamp) - nowMs;
    return aheadMs > MOST_AHEAD_MS || aheadMs < -MOST_BEHIND_MS;
  });
};

const REFUSALS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
]);
/** What brokers take by default, since Kafka 4 (`message.timestamp.after.max.ms`). */
const MOST_AHEAD_MS = 3_600_000;
/** A backlog may be of hours. */
const MOST_BEHIND_MS = 86_400_000;
