import { PartitionFaultError } from "../errors/partition-fault.ts";
import {
  AT,
  BEFORE_LENGTH_ENDS,
  CODEC_BITS,
  CONTROL,
  LOG_APPEND_TIME,
  MAGIC,
  TRANSACTIONAL,
} from "./batch-header.ts";
import { CODECS, decompressRecords, MAX_UNPACKED_BYTES } from "./compression/record-compression.ts";
import { UnpackingError } from "./compression/unpacked-bytes.ts";

/** A record in kafkajs's form. Values are slices of the response's bytes, not copies. */
export type FetchedRecord = {
  readonly magicByte: number;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | Buffer[] | null>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
};

type BatchContext = {
  readonly firstOffset: string;
  readonly producerId: string;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
};

/** The records that were read, and the end of their batches. */
export type ReadBatches = {
  readonly records: FetchedRecord[];
  /** Undefined if there is no complete batch. */
  readonly end: { readonly nextOffset: bigint; readonly leaderEpoch: number } | undefined;
};

/**
 * Maximum of records and headers created from one fetch, at about 130 bytes each: 64 MB of decompressed bytes could have
 * 9.5 million records or twice as many headers, from 5 KB of compressed bytes. Events have 100 bytes and more.
 */
export const MAX_OBJECTS = 500_000;

/**
 * Reads record batches, also compressed ones, without an incomplete last one. It ends before a batch that cannot be read,
 * or that would exceed {@link MAX_UNPACKED_BYTES} decompressed bytes or {@link MAX_OBJECTS} objects: that batch is the
 * first one of the next fetch, which begins at `end`. Like kafkajs it does not check CRCs, only that lengths and counts
 * are consistent.
 * @throws {PartitionFaultError} if the first batch cannot be read: it cannot be decompressed, is damaged, has an older
 *   format, or too many records and headers
 */
export function readRecordBatches(bytes: Buffer): ReadBatches {
  const records: FetchedRecord[] = [];
  let end: ReadBatches["end"];
  const countObject = countObjects();
  let unpackedBytes = 0;
  for (let at = 0; at + AT.records <= bytes.length;) {
    const before = records.length;
    try {
      const next = nextBatch(bytes, at);
      if (next > bytes.length) break;
      const content = contentOf(bytes, at, next);
      unpackedBytes += content.end - content.at;
      if (end !== undefined && unpackedBytes > MAX_UNPACKED_BYTES) break;
      readBatch(bytes, { at, content, countObject, into: records });
      end = {
        nextOffset:
          bytes.readBigInt64BE(at) + BigInt(bytes.readInt32BE(at + AT.lastOffsetDelta)) + 1n,
        leaderEpoch: bytes.readInt32BE(at + AT.leaderEpoch),
      };
      at = next;
    } catch (error) {
      if (!(error instanceof UnreadableBatchError)) throw error;
      records.length = before;
      if (end !== undefined) break;
      throw new PartitionFaultError(
        `The batch at offset ${bytes.readBigInt64BE(at)} ${error.message}`,
        "Read it with another client. To continue without it, set the group's offset to the one after the batch",
      );
    }
  }
  return { records, end };
}

class UnreadableBatchError extends Error {
  override readonly name = "UnreadableBatchError";
}

function nextBatch(bytes: Buffer, at: number): number {
  if (bytes[at + AT.magic] !== MAGIC) {
    throw new UnreadableBatchError("is of a format older than message format 2");
  }
  const length = bytes.readInt32BE(at + AT.length);
  if (length < AT.records - BEFORE_LENGTH_ENDS)
    throw new UnreadableBatchError("is damaged: its length is wrong");
  return at + BEFORE_LENGTH_ENDS + length;
}

/** Returns the decompressed records of a batch. */
function contentOf(bytes: Buffer, at: number, next: number): Content {
  const codec = bytes.readInt16BE(at + AT.attributes) & CODEC_BITS;
  if (codec === 0) return { bytes, at: at + AT.records, end: next };
  try {
    const unpacked = decompressRecords(codec, bytes.subarray(at + AT.records, next));
    return { bytes: unpacked, at: 0, end: unpacked.length };
  } catch (error) {
    if (!(error instanceof UnpackingError)) throw error;
    throw new UnreadableBatchError(
      `cannot be decompressed (${CODECS[codec] ?? codec}): ${error.message}`,
    );
  }
}

type Content = Reader & { readonly end: number };
/** A record has at least its length, attributes, two deltas, two lengths and a count. */
const MIN_RECORD_BYTES = 7;

/**
 * Returns a function that counts the objects created from a fetch.
 * The function throws UnreadableBatchError past {@link MAX_OBJECTS}.
 */
function countObjects(): (more: number) => void {
  let countObject = 0;
  return (more) => {
    countObject += more;
    if (countObject <= MAX_OBJECTS) return;
    throw new UnreadableBatchError(`has more than the allowed ${MAX_OBJECTS} records and headers`);
  };
}

type Batch = {
  readonly at: number;
  readonly content: Content;
  readonly countObject: (more: number) => void;
  readonly into: FetchedRecord[];
};

function readBatch(bytes: Buffer, { at, content: reader, countObject, into }: Batch): void {
  const attributes = bytes.readInt16BE(at + AT.attributes);
  // Safe integers: a partition has not had 2^53 records, and times are milliseconds.
  const baseOffset = Number(bytes.readBigInt64BE(at));
  const firstTimestamp = Number(bytes.readBigInt64BE(at + AT.firstTimestamp));
  const maxTimestamp = Number(bytes.readBigInt64BE(at + AT.maxTimestamp));
  const count = bytes.readInt32BE(at + AT.count);
  if (count * MIN_RECORD_BYTES > reader.end - reader.at) {
    throw new UnreadableBatchError("is damaged: its number of records is wrong");
  }
  countObject(count);
  const isControlRecord = (attributes & CONTROL) !== 0;
  const hasLogTime = (attributes & LOG_APPEND_TIME) !== 0;
  const batchContext: BatchContext = {
    firstOffset: String(baseOffset),
    producerId: bytes.readBigInt64BE(at + AT.producerId).toString(),
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
    isControlBatch: isControlRecord,
  };

  let lastDelta = 0;
  let timestamp = String(hasLogTime ? maxTimestamp : firstTimestamp);
  for (let left = count; left > 0; left--) {
    readVarint(reader); // its length
    const recordAttributes = bytes[reader.at++] ?? 0;
    const delta = readVarint(reader);
    if (delta !== lastDelta && !hasLogTime) {
      lastDelta = delta;
      timestamp = String(firstTimestamp + delta);
    }
    const offset = String(baseOffset + readVarint(reader));
    const key = readBytes(reader);
    const value = readBytes(reader);
    const headers = readHeaders(reader, countObject);
    into.push({
      magicByte: 2,
      attributes: recordAttributes,
      timestamp,
      offset,
      key,
      value,
      headers,
      isControlRecord,
      batchContext,
    });
    if (reader.at > reader.end)
      throw new UnreadableBatchError("is damaged: the length of a record is wrong");
  }
}

type Reader = { readonly bytes: Buffer; at: number };

const NO_HEADERS: FetchedRecord["headers"] = Object.freeze({});

/** A header has at least the lengths of its name and its value. */
const MIN_HEADER_BYTES = 2;

function readHeaders(reader: Content, countObject: Batch["countObject"]): FetchedRecord["headers"] {
  let left = readVarint(reader);
  if (left === 0) return NO_HEADERS;
  if (left * MIN_HEADER_BYTES > reader.end - reader.at) {
    throw new UnreadableBatchError("is damaged: its number of headers is wrong");
  }
  countObject(left);
  // Without a prototype: a header may be named "constructor" or "__proto__".
  const headers = Object.create(null) as Record<string, Buffer | Buffer[] | null>;
  for (; left > 0; left--) {
    const name = String(readBytes(reader) ?? "");
    const value = readBytes(reader);
    const before = headers[name];
    // A repeated name has a list of values, as in kafkajs.
    if (before === undefined || before === null) headers[name] = value;
    else if (value !== null) {
      if (Array.isArray(before)) before.push(value);
      else headers[name] = [before, value];
    }
  }
  return headers;
}

/** A length of -1 means null. */
function readBytes(reader: Reader): Buffer | null {
  const length = readVarint(reader);
  if (length < 0) return null;
  const from = reader.at;
  reader.at = from + length;
  return reader.bytes.subarray(from, reader.at);
}

/** Reads a zigzag number, 7 bits a byte, the lowest first; times may need more than 32 bits. */
function readVarint(reader: Reader): number {
  const { bytes } = reader;
  let byte = bytes[reader.at++] ?? 0;
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
  let unsigned = byte & 127;
  for (let factor = 128; byte > 127; factor *= 128) {
    byte = bytes[reader.at++] ?? 0;
    unsigned += (byte & 127) * factor;
  }
  return unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2;
}
