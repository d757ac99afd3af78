/** How much one fetch may bring of all partitions together. */
export type FetchSize = {
  readonly mostBytes: () => number;
  /** Told what a fetch has brought and how long it took. */
  readonly brought: (bytes: number, durationMs: number) => void;
  readonly failed: (durationMs: number) => void;
};

const MOST_BYTES = 16_777_216;
/** A partition's first batch comes whole, however large it is. */
const LEAST_BYTES = 65_536;
/** A broker may hold a fetch back for 2 s of it. */
const SLOW_MS = 10_000;

/**
 * Bounds what a fetch brings by what the link has brought before: all partitions of a broker wait for the end of an
 * answer, and one that takes minutes is given up before it is there.
 */
export function createFetchSize(): FetchSize {
  let mostBytes = MOST_BYTES;
  const set = (bytes: number) => {
    mostBytes = Math.floor(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, bytes)));
  };
  return {
    mostBytes: () => mostBytes,
    brought: (bytes, durationMs) => {
      if (durationMs < SLOW_MS / 2) set(mostBytes * 2);
      else if (durationMs > SLOW_MS) set((bytes * SLOW_MS) / durationMs);
    },
    failed: (durationMs) => {
      if (durationMs > SLOW_MS) set(mostBytes / 2);
    },
  };
}
