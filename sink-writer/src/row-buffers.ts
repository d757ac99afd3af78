import { createRowBuffer, type RowBuffer } from "./row-buffer.ts";

export type RowBuffers = {
  /** Lends an empty buffer for as long as `work` takes. @throws what `work` threw */
  lend: <T>(work: (rows: RowBuffer) => Promise<T>) => Promise<T>;
};

const INITIAL_BYTES = 512 * 1_024;
const INITIAL_ROWS = 2_048;

/** Buffers for writes, used again and again: one for each write that goes on at the same time. */
export function createRowBuffers(): RowBuffers {
  const idle: RowBuffer[] = [];
  return {
    lend: async (work) => {
      const rows =
        idle.pop() ?? createRowBuffer({ initialBytes: INITIAL_BYTES, initialRows: INITIAL_ROWS });
      try {
        rows.begin();
        return await work(rows);
      } finally {
        idle.push(rows);
      }
    },
  };
}
