import type { OutgoingRecord } from "../records.ts";

/** A broker rejects these records for good; nothing of their transaction becomes visible. */
export class RecordRefusedError extends Error {
  override readonly name = "RecordRefusedError";
  readonly topic: string;
  readonly partition: number;
  /** The protocol's name of the reason, such as "MESSAGE_TOO_LARGE". */
  readonly type: string;
  /** The same objects that were sent. */
  readonly records: readonly OutgoingRecord[];

  constructor(fields: {
    topic: string;
    partition: number;
    type: string;
    records: readonly OutgoingRecord[];
  }) {
    const { topic, partition, type, records } = fields;
    super(`partition ${partition} of ${topic} rejects ${records.length} records: ${type}`);
    this.topic = topic;
    this.partition = partition;
    this.type = type;
    this.records = records;
  }
}

/**
 * Whether an answer means that every leader would reject a batch. A leader whose clock is wrong rejects timestamps that
 * another one would accept: such records count as rejected only if one timestamp is also wrong by this process's
 * clock.
 */
export const isRefusal = (
  type: string,
  records: readonly OutgoingRecord[],
  nowMs: number,
): boolean => {
  if (type !== "INVALID_TIMESTAMP") return REFUSALS.has(type);
  return records.some(({ timestamp }) => {
    const aheadMs = timestamp === undefined ? 0 : Number(timestamp) - nowMs;
    return aheadMs > MAX_AHEAD_MS || aheadMs < -MAX_BEHIND_MS;
  });
};

const REFUSALS: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
]);
/** The brokers' default since Kafka 4 (`message.timestamp.after.max.ms`). */
const MAX_AHEAD_MS = 3_600_000;
/** A backlog may be hours old. */
const MAX_BEHIND_MS = 86_400_000;
