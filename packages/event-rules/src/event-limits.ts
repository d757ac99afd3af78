/** The sizes that every event has to keep, whichever way it arrives. They are promises to probes, so they are not settings. */
export const EVENT_LIMITS = {
  /** A single event as it was sent; its metadata as JSON text without white space. */
  eventBytes: 4 * 1024,
  /** Numbers in an event's metadata that a double may change: each costs 0.5 us, a plain one 0.02 us. */
  metadataNumbersAsWritten: 64,
} as const;
