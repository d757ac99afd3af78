import type { IHeaders } from "kafkajs";

export type RecordHeaders = IHeaders;

/** A record as it came. `offset` is a decimal, `timestamp` decimal ms since 1970. */
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
 * Which log offsets are of: a topic that was made anew has another id, and so has another cluster.
 * `topicId` is the UUID's text.
 */
export type LogIdentity = { readonly clusterId: string; readonly topicId: string };

/**
 * Neighbours of one partition. Offsets have gaps where the log was compacted or a transaction ended; where only such stand,
 * there may be no record at all.
 */
export type RecordBatch = {
  readonly topic: string;
  readonly partition: number;
  readonly log: LogIdentity;
  readonly records: readonly IncomingRecord[];
  /** Where the batch begins: the next offset of the batch before it. */
  readonly firstOffset: bigint;
  /** Where the batch after it begins. */
  readonly nextOffset: bigint;
  /** Of the leader that had taken the last record before `nextOffset`; missing where it is not known. */
  readonly leaderEpoch?: number | undefined;
  /** The end of the partition when the batch was fetched. */
  readonly highWatermark: bigint;
};
