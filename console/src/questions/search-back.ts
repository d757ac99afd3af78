import { Refusal } from "../answers/refusal.ts";

/** Until when a search has looked. */
export type Found<Row> = {
  readonly rows: readonly Row[];
  /** The time back to which all rows are known; undefined: to the beginning of the range. */
  readonly searchedTo: Date | undefined;
};

const FIRST_WINDOW_MS = 60_000;
const GROWTH = 4;
/** A chunk of the table. */
const MAX_WINDOW_MS = 7 * 86_400_000;
/** After so long no further window is begun. */
const BUDGET_MS = 2_000;

/**
 * Finds the newest rows of a time range of all nodes. The table has no index for that (one would cost a third of
 * ingest), so that a window at the end of the range is read first, then longer ones before it.
 *
 * @param options.rowsIn returns at most `limit` of the newest rows of a window; the window has its beginning, not its end
 * @throws {Refusal} TOO_SLOW when a window takes too long before any row was found
 */
export async function searchBack<Row>(options: {
  from: Date;
  to: Date;
  limit: number;
  rowsIn: (window: { from: Date; to: Date }, limit: number) => Promise<readonly Row[]>;
}): Promise<Found<Row>> {
  const { from, limit, rowsIn } = options;
  const giveUpAtMs = performance.now() + BUDGET_MS;
  const rows: Row[] = [];
  let to = options.to;
  let widthMs = FIRST_WINDOW_MS;
  while (to > from && rows.length < limit) {
    if (performance.now() > giveUpAtMs) return { rows, searchedTo: to };
    const begin = new Date(Math.max(from.getTime(), to.getTime() - widthMs));
    try {
      rows.push(...(await rowsIn({ from: begin, to }, limit - rows.length)));
    } catch (error) {
      if (rows.length > 0 && error instanceof Refusal && error.code === "TOO_SLOW") {
        return { rows, searchedTo: to };
      }
      throw error;
    }
    to = begin;
    widthMs = Math.min(MAX_WINDOW_MS, widthMs * GROWTH);
  }
  return { rows, searchedTo: undefined };
}
