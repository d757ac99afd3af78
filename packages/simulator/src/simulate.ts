import { createPool } from "@fiberstream/postgres/pool";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { countRows, type RowCount } from "./verify/count-rows.ts";
import { createEventSource } from "./probes/event-source.ts";
import { createFleet } from "./probes/fleet.ts";
import { createGatewayClient } from "./load/gateway-client.ts";
import { createLedger } from "./load/ledger.ts";
import { runLoad } from "./load/run-load.ts";
import type { Percentiles, Tally } from "./load/tally.ts";
import { watchArrivals } from "./verify/watch-arrivals.ts";

export type Simulation = {
  readonly url: URL;
  readonly probes: number;
  /** Events a second of each probe; unlimited: as fast as answers come. */
  readonly rate: number | "unlimited";
  /** Ends the load; undefined where `maxEvents` does. */
  readonly durationMs: number | undefined;
  readonly maxEvents: number | undefined;
  /** Events of a request; undefined: each goes by itself to `/api/push`. */
  readonly batch: number | undefined;
  readonly concurrency: number;
  readonly seed: number;
  /** A word that makes the node ids new. */
  readonly freshIds: string | undefined;
  /** The table to look for rows in; undefined: nothing is verified. */
  readonly verify: { readonly databaseUrl: string; readonly stallMs: number } | undefined;
};

export type Summary = {
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  /** How often each reason was given, such as "503 OVERLOADED". */
  readonly reasons: Readonly<Record<string, number>>;
  /** Due in time, but the gateway was too slow for them to be sent. */
  readonly unsent: number;
  readonly elapsedMs: number;
  /** From when a request was due to its answer. */
  readonly answerMs: Percentiles;
  readonly verified: (RowCount & { readonly delayMs: Percentiles }) | undefined;
};

/**
 * The life of a simulation: a fleet of probes, their load, and then what the table has of it.
 *
 * @param means.tally counts as the load goes on
 * @param means.stopping ends the load early; the summary is of what was sent until then
 * @param means.onVerifying is called when the load is over and rows are waited for
 * @throws {TransientError} @throws {FatalError} of the database; the gateway's failures are counted
 */
export async function simulate(
  simulation: Simulation,
  means: { tally: Tally; stopping: AbortSignal; onVerifying?: () => void },
): Promise<Summary> {
  const { verify, batch, concurrency } = simulation;
  const { tally, stopping } = means;
  const life = createLife();
  try {
    const fleet = createFleet({
      probes: simulation.probes,
      seed: simulation.seed,
      ...(simulation.freshIds !== undefined && { freshIds: simulation.freshIds }),
    });
    const client = life.own(
      createGatewayClient({ url: simulation.url, connections: concurrency, timeoutMs: TIMEOUT_MS }),
      (owned) => owned.close(),
    );
    const pool = verify && life.own(openTable(verify.databaseUrl), (owned) => owned.end());
    const ledger = pool && createLedger(fleet.length);
    const arrivals = ledger && watchArrivals({ pool, ledger, fleet });

    const { elapsedMs, unsent } = await runLoad({
      fleet,
      source: createEventSource({ ...simulation, batch: batch ?? 1 }),
      client,
      form: batch === undefined ? "single" : "batch",
      concurrency,
      durationMs: simulation.durationMs,
      tally,
      ledger,
      stopping,
    });

    const summary = { ...tally.counts(), unsent, elapsedMs, answerMs: tally.latencyMs() };
    if (!verify || !pool || !ledger || !arrivals) return { ...summary, verified: undefined };
    means.onVerifying?.();
    await arrivals.finish({ stallMs: verify.stallMs });
    const rows = await countRows(pool, { fleet, ledger });
    return { ...summary, verified: { ...rows, delayMs: arrivals.delayMs() } };
  } finally {
    await life.stop();
  }
}

/** Longer than any gateway takes to say that it cannot. */
const TIMEOUT_MS = 30_000;

const openTable = (databaseUrl: string) =>
  createPool({
    databaseUrl,
    applicationName: "fiberstream-simulator",
    maxConnections: 1,
    log: createLog({ service: "simulator", level: "silent", format: "json" }),
  });
