import { LRUCache } from "lru-cache";

/** Reads by a key, and keeps what was read, also that there is nothing. Concurrent reads of one key are one. */
export type Cached<Value> = {
  /**
   * @param options.isFresh reads again, whatever was read before
   * @throws what the reading throws, which is not kept
   */
  readonly get: (key: string, options?: { readonly isFresh?: boolean }) => Promise<Value | null>;
  /** Forgets what was read and fits. */
  readonly forget: (fits: (value: Value) => boolean) => void;
};

/** Maximum of values in memory, and of keys without one. */
const MAX_VALUES = 10_000;

export function createCached<Value>(options: {
  read: (key: string) => Promise<Value | null>;
  maxAgeMs: number;
}): Cached<Value> {
  const { read, maxAgeMs } = options;
  const known = new LRUCache<string, { reading: Promise<Value | null>; value?: Value | null }>({
    max: MAX_VALUES,
    ttl: Math.max(1, maxAgeMs),
  });
  return {
    get: (key, { isFresh = false } = {}) => {
      const cached = isFresh ? undefined : known.get(key);
      if (cached !== undefined) return cached.reading;
      const entry: { reading: Promise<Value | null>; value?: Value | null } = {
        reading: read(key),
      };
      known.set(key, entry);
      entry.reading.then(
        (value) => (entry.value = value),
        () => {
          if (known.peek(key) === entry) known.delete(key);
        },
      );
      return entry.reading;
    },
    forget: (fits) => {
      for (const [key, { value }] of known.entries()) {
        // One that is being read may have been read too early.
        if (value === undefined || (value !== null && fits(value))) known.delete(key);
      }
    },
  };
}
