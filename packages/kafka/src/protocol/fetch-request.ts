import { createAPI, fetchV13, type Reader } from "@platformatic/kafka";
import type { AbortedTransaction } from "./aborted-records.ts";

/** The result of a fetch for one partition, with its record batches as bytes. */
export type FetchedBytes = {
  readonly partition: number;
  readonly errorCode: number;
  /** The end of the partition. */
  readonly highWatermark: bigint;
  /** What the leader's log has of the epoch that was read, if it differs from what was read; undefined if it does not. */
  readonly diverging: { readonly epoch: number; readonly offset: bigint } | undefined;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches, the last one perhaps incomplete; a slice of the answer's bytes. */
  readonly records: Buffer;
};

export type FetchAnswer = {
  readonly errorCode: number;
  readonly partitions: readonly FetchedBytes[];
};

const FETCH = 1;
const VERSION = 13;
const TOPIC_ID_BYTES = 16;
const DIVERGING_EPOCH = 0;
const NO_RECORDS = Buffer.alloc(0);

/**
 * Fetch, version 13 (Kafka protocol guide), which uses the topic's id, so that a recreated topic is a different one. The
 * answer is decoded here because the library's own decoder creates objects for all records.
 */
export const fetchApi = createAPI(
  FETCH,
  VERSION,
  fetchV13.createRequest,
  (_id, _api, _version, reader) => readFetchAnswer(bytesOf(reader)),
);

const bytesOf = (reader: Reader): Buffer => reader.buffer.slice(reader.position);

function readFetchAnswer(bytes: Buffer): FetchAnswer {
  let at = 0;
  const int16 = () => bytes.readInt16BE((at += 2) - 2);
  const int32 = () => bytes.readInt32BE((at += 4) - 4);
  const int64 = () => bytes.readBigInt64BE((at += 8) - 8);
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  /** A compact array: its length plus one; 0 means null. */
  const list = <T>(item: () => T): T[] => {
    const items: T[] = [];
    for (let left = varint() - 1; left > 0; left--) items.push(item());
    return items;
  };
  const tags = (known?: (tag: number) => void) => {
    for (let left = varint(); left > 0; left--) {
      const tag = varint();
      const size = varint();
      const end = at + size;
      known?.(tag);
      at = end;
    }
  };

  const abortedTransaction = () => {
    const producerId = int64().toString();
    const firstOffset = int64().toString();
    tags();
    return { producerId, firstOffset };
  };
  const partition = (): FetchedBytes => {
    const number = int32();
    const errorCode = int16();
    const highWatermark = int64();
    int64(); // the last stable offset
    int64(); // the log's start
    const aborted = list(abortedTransaction);
    int32(); // the preferred replica
    const size = varint() - 1;
    const records = size > 0 ? bytes.subarray(at, at + size) : NO_RECORDS;
    at += Math.max(0, size);
    let diverging: FetchedBytes["diverging"];
    tags((tag) => {
      if (tag !== DIVERGING_EPOCH) return;
      const epoch = int32();
      diverging = { epoch, offset: int64() };
    });
    return { partition: number, errorCode, highWatermark, diverging, aborted, records };
  };
  const topic = () => {
    at += TOPIC_ID_BYTES;
    const partitions = list(partition);
    tags();
    return partitions;
  };

  int32(); // throttle time, which the broker enforces itself
  const errorCode = int16();
  int32(); // the fetch session, which is not used
  return { errorCode, partitions: list(topic).flat() };
}
