/** Computes how much one fetch may return for all partitions together. */
export type FetchSize = {
  readonly maxBytes: () => number;
  /** Records the size and duration of a fetch. */
  readonly fetched: (bytes: number, durationMs: number) => void;
  readonly failed: (durationMs: number) => void;
};

const MAX_BYTES = 16_777_216;
/** The first batch of a fetch is always complete, however large it is. */
const MIN_BYTES = 65_536;
/** The broker may wait for 2 s of it. */
const SLOW_MS = 10_000;

/**
 * Bounds the size of a fetch by the speed of earlier ones, because all partitions of a broker wait for the end of an
 * answer, and an answer that takes minutes times out.
 */
export function createFetchSize(): FetchSize {
  let maxBytes = MAX_BYTES;
  const set = (bytes: number) => {
    maxBytes = Math.floor(Math.min(MAX_BYTES, Math.max(MIN_BYTES, bytes)));
  };
  return {
    maxBytes: () => maxBytes,
    fetched: (bytes, durationMs) => {
      if (durationMs < SLOW_MS / 2) set(maxBytes * 2);
      else if (durationMs > SLOW_MS) set((bytes * SLOW_MS) / durationMs);
    },
    failed: (durationMs) => {
      if (durationMs > SLOW_MS) set(maxBytes / 2);
    },
  };
}
