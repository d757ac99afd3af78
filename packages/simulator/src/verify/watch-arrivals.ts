import { setTimeout as delay } from "node:timers/promises";
import type { PgPool } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import { type Ledger, oldestUnsettled } from "../load/ledger.ts";
import type { Probe } from "../probes/probe.ts";
import { findRows } from "./sent-rows.ts";
import { createLatencies, type Percentiles } from "../load/tally.ts";

export type Arrivals = {
  /**
   * Polls until every accepted event has its row, or no row has appeared for `stallMs`.
   * @throws {FatalError} when the database rejects a query
   */
  readonly finish: (options: { stallMs: number }) => Promise<void>;
  /** Time from the answer to the poll that found the row. */
  readonly delayMs: () => Percentiles;
};

/** Polls often while that is cheap. With many rows the polls take at most a third of the time. */
const POLL_INTERVAL_MS = 20;
const PAUSE_PER_POLL = 2;
/** Polls only for rows that are at most so much older than a probe's newest one; the count at the end finds the others. */
const LOOK_BACK_MICROS = 10_000_000;

/** Starts to poll for the rows of accepted events while the load runs. */
export function watchArrivals(options: {
  pool: PgPool;
  ledger: Ledger;
  fleet: readonly Probe[];
}): Arrivals {
  const { pool, ledger, fleet } = options;
  const delays = createLatencies();
  const newestMicros = fleet.map(() => 0);
  let lastArrivalMs = performance.now();
  let giveUpAfterMs: number | undefined;

  const poll = async () => {
    const wanted = fleet.flatMap(({ nodeId }, probe) => {
      const own = ledger.probes[probe];
      const oldest = own && oldestUnsettled(own);
      if (oldest === undefined) return [];
      const fromMicros = Math.max(oldest, (newestMicros[probe] ?? 0) - LOOK_BACK_MICROS);
      return [{ probe, nodeId, fromMicros }];
    });
    if (wanted.length === 0) return;
    const rows = await findRows(pool, wanted);
    const nowMs = performance.now();
    for (const { probe, micros } of rows) {
      newestMicros[probe] = Math.max(newestMicros[probe] ?? 0, micros);
      const acceptedAtMs = ledger.seen(probe, micros);
      if (acceptedAtMs === undefined) continue;
      delays.add(nowMs - acceptedAtMs);
      lastArrivalMs = nowMs;
    }
  };

  const isOver = () =>
    giveUpAfterMs !== undefined &&
    (ledger.missing() === 0 || performance.now() - lastArrivalMs > giveUpAfterMs);

  const watching = (async () => {
    while (!isOver()) {
      const begunMs = performance.now();
      try {
        await poll();
      } catch (error) {
        // A run may test that the database is unavailable for a while.
        if (!(error instanceof TransientError)) throw error;
      }
      const tookMs = performance.now() - begunMs;
      if (!isOver()) await delay(Math.max(POLL_INTERVAL_MS, PAUSE_PER_POLL * tookMs));
    }
  })();
  // `finish` throws its error; it is called when the load has ended.
  watching.catch(() => undefined);

  return {
    finish: ({ stallMs }) => {
      lastArrivalMs = performance.now();
      giveUpAfterMs = stallMs;
      return watching;
    },
    delayMs: delays.percentiles,
  };
}
