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
  /** Events per second of each probe; unlimited: as fast as answers arrive. */
  readonly rate: number | "unlimited";
  /** Duration of the load; undefined if `maxEvents` ends it. */
  readonly durationMs: number | undefined;
  readonly maxEvents: number | undefined;
  /** Events per request; undefined: each event is sent alone to `/api/push`. */
  readonly batch: number | undefined;
  readonly concurrency: number;
  readonly seed: number;
  /** A text that makes the node ids unique. */
  readonly freshIds: string | undefined;
  /** The database to compare with; undefined: nothing is verified. */
  readonly verify: { readonly databaseUrl: string; readonly stallMs: number } | undefined;
};

export type Summary = {
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  /** How often each reason occurred, such as "503 OVERLOADED". */
  readonly reasons: Readonly<Record<string, number>>;
  /** Events that were due, but not sent, because the gateway was too slow. */
  readonly unsent: number;
  readonly elapsedMs: number;
  /** Time from when a request was due to its answer. */
  readonly answerMs: Percentiles;
  readonly verified: (RowCount & { readonly delayMs: Percentiles }) | undefined;
};

/**
 * Runs a simulation: creates a fleet of probes, sends their load, and then compares the table with it.
 *
 * @param context.tally counts the results while the load runs
 * @param context.stopping ends the load early; the summary is about the events sent until then
 * @param context.onVerifying is called when the load has ended and it waits for rows
 * @throws {TransientError} of the database; failures of the gateway are counted
 * @throws {FatalError} of the database
 */
export async function simulate(
  simulation: Simulation,
  context: { tally: Tally; stopping: AbortSignal; onVerifying?: () => void },
): Promise<Summary> {
  const { verify, batch, concurrency } = simulation;
  const { tally, stopping } = context;
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
    context.onVerifying?.();
    await arrivals.finish({ stallMs: verify.stallMs });
    const rows = await countRows(pool, { fleet, ledger });
    return { ...summary, verified: { ...rows, delayMs: arrivals.delayMs() } };
  } finally {
    await life.stop();
  }
}

/** Longer than a gateway needs to answer that it cannot accept events. */
const TIMEOUT_MS = 30_000;

const openTable = (databaseUrl: string) =>
  createPool({
    databaseUrl,
    applicationName: "fiberstream-simulator",
    maxConnections: 1,
    log: createLog({ service: "simulator", level: "silent", format: "json" }),
  });
