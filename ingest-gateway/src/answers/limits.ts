/** The sizes that the HTTP contract allows. They are promises to probes, so they are not settings. */
export const LIMITS = {
  /** A single event as it was sent; its metadata as JSON text without white space. */
  eventBytes: 4 * 1024,
  /** Numbers in an event's metadata that a double may change: each costs 0.5 us, a plain one 0.02 us. */
  metadataNumbersAsWritten: 64,
  /** A batch's body after decompression. */
  batchBytes: 10 * 1024 * 1024,
  batchEvents: 10_000,
  /** An event may need 34 levels (in an object's list). Deeper ones up to this limit are rejected singly, not with their batch. */
  batchDepth: 64,
  /** A JSON batch without its events: `node_id`, and unknown fields. */
  besideEventsBytes: 64 * 1024,
  /** Lists in those fields that have elements. Each is parsed by itself: 9,300 took 18 ms in one go. */
  besideEventsLists: 100,
  /** Maximum ratio of a body's size after and before decompression. The JSON of probes has 10 to 30. */
  expansionRatio: 200,
  /** Up to so many bytes the ratio is not checked, because it says little about small bodies. */
  expansionFreeBytes: 256 * 1024,
  /** How many of a batch's rejected events are explained; the others have index and code only. */
  explainedRejections: 100,
  requestIdCharacters: 128,
} as const;
