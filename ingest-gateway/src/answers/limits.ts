/** The sizes that the HTTP contract allows. They are promises to probes, so they are not settings. */
export const LIMITS = {
  /** A single event, as it came; its metadata as JSON text without white space. */
  eventBytes: 4 * 1024,
  /** A batch's body after decompression. */
  batchBytes: 10 * 1024 * 1024,
  batchEvents: 10_000,
  /** What an event may need (34, in an object's list), and room for those that are told singly that theirs is too deep. */
  batchDepth: 64,
  /** All of a JSON batch but its events: `node_id`, and fields that are not known. */
  besideEventsBytes: 64 * 1024,
  /** A body may unpack to so many times its size: probes' JSON has 10 to 30 times. */
  expansionRatio: 200,
  /** That up to so many bytes is not looked at: a ratio says little of few bytes. */
  expansionFreeBytes: 256 * 1024,
  /** How many of a batch's rejected events are explained; the others have index and code only. */
  explainedRejections: 100,
  requestIdCharacters: 128,
} as const;
