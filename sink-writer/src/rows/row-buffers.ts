import { createRowBuffer, type RowBuffer, type Rows } from "./row-buffer.ts";

/** The rows of a write, split by how they are best inserted: see `createInsertRows`. */
export type SplitRows<T extends Rows = Rows> = {
  readonly unseen: T;
  /** Of events that this process has seen before, and of nodes that lately resent stored events. */
  readonly seen: T;
};

export type RowBuffers = {
  /**
   * Gives empty buffers to `work`, and reuses them afterwards.
   * @throws what `work` threw
   */
  lend: <T>(work: (rows: SplitRows<RowBuffer>) => Promise<T>) => Promise<T>;
};

/** Reused buffers for writes: a pair for each concurrent write. */
export function createRowBuffers(): RowBuffers {
  const idle: SplitRows<RowBuffer>[] = [];
  return {
    lend: async (work) => {
      const rows = idle.pop() ?? createPair();
      try {
        rows.unseen.begin();
        rows.seen.begin();
        return await work(rows);
      } finally {
        idle.push(rows);
      }
    },
  };
}

const createPair = (): SplitRows<RowBuffer> => ({
  unseen: createRowBuffer({ initialBytes: 512 * 1_024, initialRows: 2_048 }),
  seen: createRowBuffer({ initialBytes: 32 * 1_024, initialRows: 128 }),
});
