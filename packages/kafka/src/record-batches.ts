import { PartitionFaultError } from "./partition-fault.ts";
import { CODECS, decompressRecords } from "./record-compression.ts";
import { UnpackingError } from "./unpacked-bytes.ts";

/** A record as kafkajs hands it on. Values are parts of the response's bytes, not copies. */
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

/** From a batch's offset to its magic byte, and to its first record (KIP-98, message format 2). */
const MAGIC_AT = 16;
const RECORDS_AT = 61;
/** Offset and length, which the length does not count. */
const PREFIX_BYTES = 12;

const COMPRESSION = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/**
 * Reads the record batches from `at` to below `end`, packed ones too; a last one that the broker has cut off is left
 * out. Like kafkajs it does not check their CRC: TCP and the broker have. What precedes a batch that cannot be
 * unpacked is returned: that batch is then the first of the next fetch.
 * @returns undefined when one is of an older format
 * @throws {PartitionFaultError} the first batch cannot be unpacked
 */
export function readRecordBatches(
  bytes: Buffer,
  at: number,
  end: number,
): FetchedRecord[] | undefined {
  const records: FetchedRecord[] = [];
  while (at + RECORDS_AT <= end) {
    const next = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (bytes[at + MAGIC_AT] !== 2) return undefined;
    if (next > end) break;
    const unpacked = recordsOf(bytes, at, next);
    if (unpacked instanceof PartitionFaultError) {
      if (records.length === 0) throw unpacked;
      break;
    }
    readBatch(bytes, at, unpacked, records);
    at = next;
  }
  return records;
}

/** Where a batch's records are, and begin. */
function recordsOf(bytes: Buffer, at: number, next: number): Reader | PartitionFaultError {
  const codec = bytes.readInt16BE(at + 21) & COMPRESSION;
  if (codec === 0) return { bytes, at: at + RECORDS_AT };
  try {
    return { bytes: decompressRecords(codec, bytes.subarray(at + RECORDS_AT, next)), at: 0 };
  } catch (error) {
    if (!(error instanceof UnpackingError)) throw error;
    return new PartitionFaultError(
      `The batch at offset ${bytes.readBigInt64BE(at)} cannot be unpacked (${CODECS[codec] ?? codec}): ${error.message}`,
      "Look at it with another client, and set the group's offset behind it to go on without it",
    );
  }
}

function readBatch(bytes: Buffer, at: number, reader: Reader, into: FetchedRecord[]): void {
  const attributes = bytes.readInt16BE(at + 21);
  // Safe integers: a partition has not had 2^53 records, and times are milliseconds.
  const baseOffset = Number(bytes.readBigInt64BE(at));
  const firstTimestamp = Number(bytes.readBigInt64BE(at + 27));
  const maxTimestamp = Number(bytes.readBigInt64BE(at + 35));
  const count = bytes.readInt32BE(at + 57);
  const isControlRecord = (attributes & CONTROL) !== 0;
  const hasLogTime = (attributes & LOG_APPEND_TIME) !== 0;
  const batchContext: BatchContext = {
    firstOffset: String(baseOffset),
    producerId: bytes.readBigInt64BE(at + 43).toString(),
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
    const headers = readHeaders(reader);
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
  }
}

type Reader = { readonly bytes: Buffer; at: number };

const NO_HEADERS: FetchedRecord["headers"] = Object.freeze({});

function readHeaders(reader: Reader): FetchedRecord["headers"] {
  let left = readVarint(reader);
  if (left === 0) return NO_HEADERS;
  // Without a prototype: a header may be named "constructor" or "__proto__".
  const headers = Object.create(null) as Record<string, Buffer | Buffer[] | null>;
  for (; left > 0; left--) {
    const name = String(readBytes(reader) ?? "");
    const value = readBytes(reader);
    const before = headers[name];
    // A name that comes twice has a list, as in kafkajs.
    if (before === undefined || before === null) headers[name] = value;
    else if (value !== null)
      headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return headers;
}

/** A length of -1 stands for null. */
function readBytes(reader: Reader): Buffer | null {
  const length = readVarint(reader);
  if (length < 0) return null;
  const from = reader.at;
  reader.at = from + length;
  return reader.bytes.subarray(from, reader.at);
}

/** Zigzag, 7 bits a byte, the lowest first; times may need more than 32 bits. */
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
