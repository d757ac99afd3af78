export type BatchSize = {
  /** @returns how many to take into the next transaction */
  readonly size: () => number;
  /** Says how long the last one took, in ms. */
  readonly took: (ms: number) => void;
  readonly failed: () => void;
};

/** Returns how much a transaction takes: as much as takes some tenths of a second, however many rows that is. */
export function createBatchSize(options: { first: number; max: number }): BatchSize {
  let size = options.first;
  const setSize = (wanted: number) => {
    size = Math.min(Math.max(Math.floor(wanted), 1), options.max);
  };
  return {
    size: () => size,
    took: (ms) => {
      if (ms > MAX_BATCH_MS) setSize(size / 2);
      else if (ms < MAX_BATCH_MS / 4) setSize(size * 2);
    },
    failed: () => setSize(size / 8),
  };
}

const MAX_BATCH_MS = 500;
