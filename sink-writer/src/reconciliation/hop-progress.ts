/** Tracks up to which time a stage has read all records of its partitions. */
export type HopProgress = {
  /**
   * @param seen.position the next offset to read
   * @param seen.end the end of the partition; both are read at `atMs` or later
   */
  observe: (seen: { partition: number; position: bigint; end: bigint; atMs: number }) => void;
  /** The stage has read all records that existed at this time; undefined while no such time is known. */
  passedMs: (partition: number) => number | undefined;
};

/**
 * For a stage that lags, one end of its partition is remembered until the stage has passed it, then the next one. One is
 * enough, because the question is about events of a minute ago.
 */
export function createHopProgress(): HopProgress {
  const waiting = new Map<number, { end: bigint; atMs: number }>();
  const passed = new Map<number, number>();
  return {
    observe: ({ partition, position, end, atMs }) => {
      const target = waiting.get(partition);
      if (position >= end) {
        passed.set(partition, atMs);
        waiting.delete(partition);
      } else if (target === undefined || position >= target.end) {
        if (target !== undefined) passed.set(partition, target.atMs);
        waiting.set(partition, { end, atMs });
      }
    },
    passedMs: (partition) => passed.get(partition),
  };
}
