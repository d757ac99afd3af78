import { createRowBuffer, type RowBuffer, type Rows } from "./row-buffer.ts";

/** The rows of a write, apart by how they are best written: see `createLandRows`. */
export type SortedRows<T extends Rows = Rows> = {
  readonly fresh: T;
  /** Of events that this process has seen before, and of nodes that have sent lately what is stored. */
  readonly again: T;
};

export type RowBuffers = {
  /** Lends empty buffers for as long as `work` takes. @throws what `work` threw */
  lend: <T>(work: (rows: SortedRows<RowBuffer>) => Promise<T>) => Promise<T>;
};

/** Buffers for writes, used again and again: a pair for each write that goes on at the same time. */
export function createRowBuffers(): RowBuffers {
  const idle: SortedRows<RowBuffer>[] = [];
  return {
    lend: async (work) => {
      const rows = idle.pop() ?? createPair();
      try {
        rows.fresh.begin();
        rows.again.begin();
        return await work(rows);
      } finally {
        idle.push(rows);
      }
    },
  };
}

const createPair = (): SortedRows<RowBuffer> => ({
  fresh: createRowBuffer({ initialBytes: 512 * 1_024, initialRows: 2_048 }),
  again: createRowBuffer({ initialBytes: 32 * 1_024, initialRows: 128 }),
});
