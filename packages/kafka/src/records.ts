import type { IHeaders } from "kafkajs";

export type RecordHeaders = IHeaders;

/** A record that was read. `offset` is a decimal, `timestamp` decimal ms since 1970. */
export type IncomingRecord = {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: string;
  readonly headers?: RecordHeaders | undefined;
};

/** A record to send. Without `timestamp` the client's clock sets it. */
export type OutgoingRecord = {
  key: Buffer | string | null;
  value: Buffer | null;
  headers?: RecordHeaders;
  timestamp?: string;
};

/**
 * Which log an offset belongs to: a recreated topic has another topic id, another cluster another cluster id.
 * `topicId` is a UUID as text.
 */
export type LogIdentity = { readonly clusterId: string; readonly topicId: string };

/**
 * Consecutive records of one partition. Offsets have gaps where the log was compacted or a transaction ended. A batch that
 * covers only such gaps has no records.
 */
export type RecordBatch = {
  readonly topic: string;
  readonly partition: number;
  readonly log: LogIdentity;
  readonly records: readonly IncomingRecord[];
  /** The start of the batch: the `nextOffset` of the batch before it. */
  readonly firstOffset: bigint;
  /** The start of the next batch. */
  readonly nextOffset: bigint;
  /** The leader epoch of the last record before `nextOffset`; missing if unknown. */
  readonly leaderEpoch?: number | undefined;
  /** The end of the partition when the batch was fetched. */
  readonly highWatermark: bigint;
};
