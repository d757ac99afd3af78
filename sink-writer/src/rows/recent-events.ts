/**
 * Remembers recent events by their `event_id`, to recognize likely duplicates before PostgreSQL does. It may err both
 * ways: only speed depends on it.
 */
export type RecentEvents = {
  /**
   * Returns whether the event was seen before, and remembers it.
   * @param at where the 16 bytes of its `event_id` begin
   */
  readonly addAndTest: (bytes: Buffer, at: number) => boolean;
  readonly forget: () => void;
};

/** 524,288 events in 2 MB; 1 of 300,000 is evicted by the next 50,000. */
const SETS = 1 << 16;
const EVENTS_A_SET = 8;

/**
 * A set-associative cache: some bits of the event's id choose a set, in which it evicts the oldest entry; another 32 bits
 * are its tag. A version 5 UUID is a hash, so its bits are evenly distributed.
 */
export function createRecentEvents(): RecentEvents {
  const tags = new Int32Array(SETS * EVENTS_A_SET);
  const oldest = new Uint8Array(SETS);

  return {
    addAndTest: (bytes, at) => {
      const set = bytes.readUInt16LE(at + 4);
      // 0 marks an empty slot.
      const tag = bytes.readInt32LE(at) || 1;
      const first = set * EVENTS_A_SET;
      for (let slot = first; slot < first + EVENTS_A_SET; slot++) {
        if (tags[slot] === tag) return true;
      }
      const slot = oldest[set] ?? 0;
      tags[first + slot] = tag;
      oldest[set] = (slot + 1) % EVENTS_A_SET;
      return false;
    },
    forget: () => {
      tags.fill(0);
    },
  };
}
