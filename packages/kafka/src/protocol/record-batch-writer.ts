import { AT, BEFORE_LENGTH_ENDS, MAGIC, TRANSACTIONAL } from "./batch-header.ts";
import { type Codec, compressBatch } from "./batch-compression.ts";
import { crc32c } from "./crc32c.ts";
import type { OutgoingRecord, RecordHeaders } from "../records.ts";

/** The producer of a batch, by which the broker recognizes duplicates and zombies. */
export type BatchProducer = {
  readonly producerId: string;
  readonly producerEpoch: number;
  /** How many records of this producer the partition has. */
  readonly firstSequence: number;
};

/** A producer without idempotence, whose records the broker does not count. */
const NOBODY: BatchProducer = { producerId: "-1", producerEpoch: -1, firstSequence: -1 };

/**
 * Writes records as one record batch, in one pass into one buffer: 0.6 us a record. kafkajs creates a growing buffer and
 * several objects for each record, which takes 5 us.
 *
 * @param records in order. One without a timestamp gets `nowMs`; one with an impossible timestamp gets the nearest that
 *   can be written
 * @param transaction the producer of the transaction; undefined outside of transactions
 * @param codec compresses the records
 */
export function writeRecordBatch(
  records: readonly OutgoingRecord[],
  transaction: BatchProducer | undefined,
  nowMs: number,
  codec: Codec = "none",
): Buffer {
  const producer = transaction ?? NOBODY;
  const times = records.map(({ timestamp }) => timeOf(timestamp, nowMs));
  const firstMs = times[0] ?? nowMs;
  let maxMs = firstMs;
  for (const time of times) if (time > maxMs) maxMs = time;

  let bytes: number = AT.records;
  for (const record of records) bytes += maxBytesOf(record);
  const buffer = Buffer.allocUnsafe(bytes);
  let at: number = AT.records;
  records.forEach((record, index) => {
    at = writeRecord(buffer, at, record, index, (times[index] ?? nowMs) - firstMs);
  });
  const batch = buffer.subarray(0, at);

  batch.writeBigInt64BE(0n, AT.baseOffset);
  batch.writeInt32BE(at - BEFORE_LENGTH_ENDS, AT.length);
  batch.writeInt32BE(-1, AT.leaderEpoch);
  batch[AT.magic] = MAGIC;
  batch.writeInt16BE(transaction === undefined ? 0 : TRANSACTIONAL, AT.attributes);
  batch.writeInt32BE(records.length - 1, AT.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(firstMs), AT.firstTimestamp);
  batch.writeBigInt64BE(BigInt(maxMs), AT.maxTimestamp);
  batch.writeBigInt64BE(BigInt(producer.producerId), AT.producerId);
  batch.writeInt16BE(producer.producerEpoch, AT.producerEpoch);
  batch.writeInt32BE(producer.firstSequence, AT.firstSequence);
  batch.writeInt32BE(records.length, AT.count);
  batch.writeUInt32BE(crc32c(batch, AT.attributes, at), AT.crc);
  return compressBatch(batch, codec);
}

/** Returns a timestamp that can be written: records of other producers may have any 64 bits. */
function timeOf(timestamp: string | undefined, nowMs: number): number {
  const time = timestamp === undefined ? nowMs : Math.trunc(Number(timestamp));
  if (Number.isNaN(time)) return nowMs;
  return Math.min(Math.max(time, NO_TIMESTAMP), MAX_MS);
}

const NO_TIMESTAMP = -1;
/** So that the difference of two timestamps fits into `writeVarint`. It is in the year 144,683. */
const MAX_MS = 2 ** 52 - 1;

/** Lengths and deltas take up to 5 or 10 bytes each. */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;

/** Returns an upper bound of a record's size in its batch. */
export function maxBytesOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (value?.length ?? 0);
  if (key !== null) bytes += typeof key === "string" ? key.length * 3 : key.length;
  if (headers !== undefined) {
    for (const [name, header] of headerPairs(headers)) {
      bytes += HEADER_OVERHEAD_BYTES + name.length * 3;
      bytes += typeof header === "string" ? header.length * 3 : (header?.length ?? 0);
    }
  }
  return bytes;
}

/** @returns the position after the record */
function writeRecord(
  buffer: Buffer,
  from: number,
  { key, value, headers }: OutgoingRecord,
  offsetDelta: number,
  timeDelta: number,
): number {
  // The length precedes the record but is known only after it. So the record is written after a gap of the usual 2 bytes.
  const body = from + LENGTH_GAP;
  let at = body;
  buffer[at++] = 0;
  at = writeVarint(buffer, at, timeDelta);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeBytes(buffer, at, key);
  at = writeBytes(buffer, at, value);
  if (headers === undefined) buffer[at++] = 0;
  else {
    const pairs = headerPairs(headers);
    at = writeVarint(buffer, at, pairs.length);
    for (const [name, header] of pairs) {
      at = writeBytes(buffer, at, name);
      at = writeBytes(buffer, at, header);
    }
  }
  const length = at - body;
  const lengthBytes = varintBytes(length);
  if (lengthBytes !== LENGTH_GAP) buffer.copyWithin(from + lengthBytes, body, at);
  writeVarint(buffer, from, length);
  return from + lengthBytes + length;
}

const LENGTH_GAP = 2;

/** A consumed record may have headers without a value, although kafkajs's type excludes that. */
function headerPairs(headers: RecordHeaders): (readonly [string, Buffer | string | null])[] {
  return Object.entries(headers).flatMap(([name, header]) =>
    (Array.isArray(header) ? header : [header])
      .filter((value) => value !== undefined)
      .map((value) => [name, value] as const),
  );
}

function writeBytes(buffer: Buffer, at: number, bytes: Buffer | string | null): number {
  if (bytes === null) return writeVarint(buffer, at, -1);
  if (typeof bytes === "string") {
    const length = Buffer.byteLength(bytes);
    at = writeVarint(buffer, at, length);
    return at + buffer.write(bytes, at);
  }
  at = writeVarint(buffer, at, bytes.length);
  buffer.set(bytes, at);
  return at + bytes.length;
}

/** Zigzag: numbers near zero, of either sign, take few bytes. Up to 2^52, which no delta here exceeds. */
function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest > 0x7f) {
    buffer[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = 2 * value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
