import { AT, BEFORE_LENGTH_ENDS, MAGIC, TRANSACTIONAL } from "./batch-header.ts";
import { type Codec, packBatch } from "./batch-compression.ts";
import { crc32c } from "./crc32c.ts";
import type { OutgoingRecord, RecordHeaders } from "../records.ts";

/** Whose batch it is, for the broker to tell repeats and zombies. */
export type BatchProducer = {
  readonly producerId: string;
  readonly producerEpoch: number;
  /** How many records of this producer the partition has had. */
  readonly firstSequence: number;
};

/** A producer without idempotence: the broker keeps no count of its records. */
const NOBODY: BatchProducer = { producerId: "-1", producerEpoch: -1, firstSequence: -1 };

/**
 * Writes records as one record batch, in one pass into one buffer. kafkajs makes a growing
 * buffer and several objects for each record: 5 us a record against 0.6 here.
 *
 * @param records in order; without a timestamp they get `nowMs`, with one that no clock shows the nearest that can be written
 * @param transaction whose batch it is; undefined outside of transactions
 * @param codec what packs the records
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
  for (const record of records) bytes += mostBytesOf(record);
  const space = Buffer.allocUnsafe(bytes);
  let at: number = AT.records;
  records.forEach((record, index) => {
    at = writeRecord(space, at, record, index, (times[index] ?? nowMs) - firstMs);
  });
  const batch = space.subarray(0, at);

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
  return packBatch(batch, codec);
}

/** What a foreign record's timestamp can be is any 64 bits: what no clock shows becomes what can be written. */
function timeOf(timestamp: string | undefined, nowMs: number): number {
  const time = timestamp === undefined ? nowMs : Math.trunc(Number(timestamp));
  if (Number.isNaN(time)) return nowMs;
  return Math.min(Math.max(time, NO_TIMESTAMP), MOST_MS);
}

const NO_TIMESTAMP = -1;
/** Two of them differ by no more than a varint here holds. The year is 144,683. */
const MOST_MS = 2 ** 52 - 1;

/** Lengths and deltas take up to 5 or 10 bytes each. */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;

/** An upper bound of what a record takes in its batch. */
export function mostBytesOf({ key, value, headers }: OutgoingRecord): number {
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

/** @returns where the record ends */
function writeRecord(
  space: Buffer,
  from: number,
  { key, value, headers }: OutgoingRecord,
  offsetDelta: number,
  timeDelta: number,
): number {
  // Its length stands before it and is known after it: it is written behind a gap of the usual 2 bytes.
  const body = from + LENGTH_GAP;
  let at = body;
  space[at++] = 0;
  at = writeVarint(space, at, timeDelta);
  at = writeVarint(space, at, offsetDelta);
  at = writeBytes(space, at, key);
  at = writeBytes(space, at, value);
  if (headers === undefined) space[at++] = 0;
  else {
    const pairs = headerPairs(headers);
    at = writeVarint(space, at, pairs.length);
    for (const [name, header] of pairs) {
      at = writeBytes(space, at, name);
      at = writeBytes(space, at, header);
    }
  }
  const length = at - body;
  const lengthBytes = varintBytes(length);
  if (lengthBytes !== LENGTH_GAP) space.copyWithin(from + lengthBytes, body, at);
  writeVarint(space, from, length);
  return from + lengthBytes + length;
}

const LENGTH_GAP = 2;

/** A record that was read may have headers without a value, whatever kafkajs's type says. */
function headerPairs(headers: RecordHeaders): (readonly [string, Buffer | string | null])[] {
  return Object.entries(headers).flatMap(([name, header]) =>
    (Array.isArray(header) ? header : [header])
      .filter((one) => one !== undefined)
      .map((one) => [name, one] as const),
  );
}

function writeBytes(space: Buffer, at: number, bytes: Buffer | string | null): number {
  if (bytes === null) return writeVarint(space, at, -1);
  if (typeof bytes === "string") {
    const length = Buffer.byteLength(bytes);
    at = writeVarint(space, at, length);
    return at + space.write(bytes, at);
  }
  at = writeVarint(space, at, bytes.length);
  space.set(bytes, at);
  return at + bytes.length;
}

/** Zigzag: numbers near zero, of either sign, take few bytes. Up to 2^52, which no delta here exceeds. */
function writeVarint(space: Buffer, at: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest > 0x7f) {
    space[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  space[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = 2 * value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
