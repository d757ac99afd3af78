/** The sizes that the HTTP contract allows. They are promises to probes, so they are not settings. */
export const LIMITS = {
  /** A single event: its body in `/api/push`, its metadata as JSON text anywhere. */
  eventBytes: 4 * 1024,
  /** A batch's body after decompression. */
  batchBytes: 10 * 1024 * 1024,
  batchEvents: 10_000,
  /** How many of a batch's rejected events are explained; the others have index and code only. */
  explainedRejections: 100,
  requestIdCharacters: 128,
} as const;
