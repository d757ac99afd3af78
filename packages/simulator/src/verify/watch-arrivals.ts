import { setTimeout as delay } from "node:timers/promises";
import type { PgPool } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import { type Ledger, oldestUnsettled } from "../load/ledger.ts";
import type { Probe } from "../probes/probe.ts";
import { findRows } from "./sent-rows.ts";
import { createLatencies, type Percentiles } from "../load/tally.ts";

export type Arrivals = {
  /**
   * Looks on until every accepted event has its row, or none has come for `stallMs`.
   * @throws {FatalError} when the database refuses
   */
  readonly finish: (options: { stallMs: number }) => Promise<void>;
  /** From the answer to a look that saw the row. */
  readonly delayMs: () => Percentiles;
};

/** Looks often while that is cheap; with many rows it looks for at most a third of the time. */
const LOOK_EVERY_MS = 20;
const REST_PER_LOOK = 2;
/** Rows older than this before a probe's newest one are left to the count at the end. */
const LOOK_BACK_MICROS = 10_000_000;

/** Begins to look for the rows of accepted events, beside the load that sends them. */
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

  const look = async () => {
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
        await look();
      } catch (error) {
        // A database that is away for a while is part of what a run may be there to test.
        if (!(error instanceof TransientError)) throw error;
      }
      const tookMs = performance.now() - begunMs;
      if (!isOver()) await delay(Math.max(LOOK_EVERY_MS, REST_PER_LOOK * tookMs));
    }
  })();
  // Its error is thrown by `finish`, which is called when the load is over.
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
