/** Up to when a stage has read all that stood in its partition. */
export type HopProgress = {
  /**
   * @param position the next offset to read
   * @param end of the partition, both at `atMs` or later
   */
  look: (seen: { partition: number; position: bigint; end: bigint; atMs: number }) => void;
  /** All that stood there at this time has been read; undefined while that is of no time. */
  passedMs: (partition: number) => number | undefined;
};

/**
 * A stage that is behind passes the end that its partition had a while ago: that end is kept until it is passed,
 * then the next one. One is enough: what was received a minute ago is the question, not how far it is.
 */
export function createHopProgress(): HopProgress {
  const waiting = new Map<number, { end: bigint; atMs: number }>();
  const passed = new Map<number, number>();
  return {
    look: ({ partition, position, end, atMs }) => {
      const goal = waiting.get(partition);
      if (position >= end) {
        passed.set(partition, atMs);
        waiting.delete(partition);
      } else if (goal === undefined || position >= goal.end) {
        if (goal !== undefined) passed.set(partition, goal.atMs);
        waiting.set(partition, { end, atMs });
      }
    },
    passedMs: (partition) => passed.get(partition),
  };
}
