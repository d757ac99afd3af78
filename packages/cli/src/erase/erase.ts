import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Pace } from "../import/pace.ts";
import type { UntilRolledUp } from "../import/until-rolled-up.ts";
import { exclusively } from "../tables/exclusively.ts";
import { countDerived, eraseDerived } from "./erase-derived.ts";
import type { EraseFilter } from "./erase-filter.ts";
import { eraseNodes, type NodePlaces } from "./erase-nodes.ts";
import { countRows, eraseRows } from "./erase-rows.ts";
import { untilOlderWritesEnd } from "./older-writes.ts";
import { beginPass, type Erasure, finishErasure, nodesOf, readErasure } from "./erasure-record.ts";

/** What an erasure would erase. */
export type EraseForecast = {
  readonly rows: number;
  readonly conflicts: number;
  readonly qualityDays: number;
  readonly alerts: number;
  readonly nodeIds: readonly string[];
};

/** Counts what a filter is about, and changes nothing. */
export async function forecastErasure(pool: PgPool, filter: EraseFilter): Promise<EraseForecast> {
  const nodeIds = await nodesOf(pool, filter);
  return {
    rows: await countRows(pool, filter),
    ...(await countDerived(pool, filter, nodeIds)),
    nodeIds,
  };
}

type EraseOptions = {
  /** With at least two connections: one holds the lock. */
  pool: PgPool;
  erasure: Erasure;
  places: NodePlaces;
  maxRows?: number;
  pace: Pace;
  untilRolledUp: UntilRolledUp;
  /** Called if transactions that began before have to end first. */
  onWaiting: (transactions: number) => void;
  /** How long they may take; an error then. */
  maxWaitMs?: number;
  onProgress: (progress: { share: number; rows: number }) => void;
  stopping: AbortSignal;
};

/**
 * Erases what is recorded in `erasures`, or what is left of it. Every step may be repeated. It begins when each write of the
 * sink has ended that had begun before the erasure was recorded, and might add rows. Rows are erased first, until a pass
 * finds none.
 *
 * @returns the erasure with its counts, not finished if `stopping` was aborted; and the nodes that are there again
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when another erasure is running, or an earlier write does not end
 */
export const erase = (
  options: EraseOptions,
): Promise<{ erasure: Erasure; again: readonly string[] }> =>
  exclusively(
    options.pool,
    { lock: ADVISORY_LOCKS.eraseRows, isHeld: "another erasure is running in this database" },
    () => eraseAll(options),
  );

async function eraseAll(options: EraseOptions) {
  const { pool, places, stopping } = options;
  const { id } = options.erasure;
  if (!(await untilOlderWritesEnd(options))) {
    return { erasure: await readErasure(pool, id), again: [] };
  }
  for (let rows: number | undefined = 1; rows !== 0;) {
    rows = await eraseRows({ ...options, erasure: await readErasure(pool, id) });
    if (rows === undefined) return { erasure: await readErasure(pool, id), again: [] };
    await beginPass(pool, { id });
  }
  const erasure = await readErasure(pool, id);
  await eraseDerived(pool, erasure);
  if (stopping.aborted) return { erasure: await readErasure(pool, id), again: [] };
  const again = await eraseNodes(pool, erasure, places);
  return { erasure: await finishErasure(pool, erasure), again };
}
