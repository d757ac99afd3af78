/**
 * Remembers the events of the last while by their `event_id`, to tell likely repeats before PostgreSQL
 * does. It may err both ways, and nothing but speed depends on it.
 */
export type RecentEvents = {
  /**
   * Whether the event is remembered; from now on it is.
   * @param at where the 16 bytes of its `event_id` stand
   */
  readonly sawBefore: (bytes: Buffer, at: number) => boolean;
  readonly forget: () => void;
};

/** 524,288 events in 2 MB; 1 of 300,000 is forgotten among the 50,000 that come after it. */
const SETS = 1 << 16;
const EVENTS_A_SET = 8;

/**
 * A set-associative table: an event's place is in the set that some bits of its id choose, where it
 * drives out the oldest; another 32 bits stand for it. A version 5 UUID is a hash: its bits are even.
 */
export function createRecentEvents(): RecentEvents {
  const tags = new Int32Array(SETS * EVENTS_A_SET);
  const oldest = new Uint8Array(SETS);

  return {
    sawBefore: (bytes, at) => {
      const set = bytes.readUInt16LE(at + 4);
      // 0 stands for an empty place.
      const tag = bytes.readInt32LE(at) || 1;
      const first = set * EVENTS_A_SET;
      for (let place = first; place < first + EVENTS_A_SET; place++) {
        if (tags[place] === tag) return true;
      }
      const place = oldest[set] ?? 0;
      tags[first + place] = tag;
      oldest[set] = (place + 1) % EVENTS_A_SET;
      return false;
    },
    forget: () => {
      tags.fill(0);
    },
  };
}
