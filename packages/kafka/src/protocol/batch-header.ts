/** The fields of a record batch's header (KIP-98, message format 2), by the byte at which each begins. */
export const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
  records: 61,
} as const;

/** The length counts what follows it. */
export const BEFORE_LENGTH_ENDS = 12;

export const MAGIC = 2;

/** The bits of the attributes. */
export const CODEC_BITS = 0x07;
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;
