import { EVENT_LIMITS } from "@fiberstream/event-rules/event-limits";

/** The sizes that the HTTP contract allows. They are promises to probes, so they are not settings. */
export const LIMITS = {
  ...EVENT_LIMITS,
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
} as const;
