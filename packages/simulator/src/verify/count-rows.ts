import type { PgPool } from "@fiberstream/postgres/pool";
import { isAccepted, type Ledger, numberOf, type ProbeLedger } from "../load/ledger.ts";
import type { Probe } from "../probes/probe.ts";
import { isAsSent } from "./as-sent.ts";
import { readRows, type StoredEvent } from "./sent-rows.ts";
import { timestampOf } from "../probes/timestamp.ts";

/** The comparison of the table with the sent events. */
export type RowCount = {
  /** Rows of accepted events, including the additional rows of duplicated events. */
  readonly rows: number;
  /** Accepted events without a row. */
  readonly lost: number;
  /** Rows beyond the first one of an event. */
  readonly doubled: number;
  /** Accepted events whose row has other values than the event. */
  readonly altered: number;
  /** Events with a row whose sender got no 202: allowed, but shown. */
  readonly unconfirmed: number;
  /** A few lost, duplicated and altered events, as examples. */
  readonly examples: readonly string[];
};

const EVENTS_PER_READ = 5_000;
const MAX_EXAMPLES = 5;

/**
 * Compares every sent event with the table, after the load.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function countRows(
  pool: PgPool,
  sent: { fleet: readonly Probe[]; ledger: Ledger },
): Promise<RowCount> {
  const total = { rows: 0, lost: 0, doubled: 0, altered: 0, unconfirmed: 0 };
  const examples: string[] = [];
  for (const [index, probe] of sent.fleet.entries()) {
    const ledger = sent.ledger.probes[index];
    if (ledger === undefined) continue;
    for (let first = 0; first < ledger.micros.length; first += EVENTS_PER_READ) {
      const end = Math.min(first + EVENTS_PER_READ, ledger.micros.length);
      const found = await readEvents(pool, probe, ledger, { first, end });
      for (let number = first; number < end; number++) {
        const verdict = judge(probe, ledger, number, found.get(number) ?? []);
        total.rows += verdict.rows;
        total[verdict.kind] += verdict.count;
        if (verdict.kind !== "unconfirmed" && verdict.count > 0 && examples.length < MAX_EXAMPLES) {
          const time = timestampOf(ledger.micros[number] ?? 0);
          examples.push(`${verdict.kind}: ${probe.nodeId} at ${time}`);
        }
      }
    }
  }
  return { ...total, examples };
}

/** Returns the rows by the number of their event. */
async function readEvents(
  pool: PgPool,
  { nodeId }: Probe,
  ledger: ProbeLedger,
  range: { first: number; end: number },
): Promise<Map<number, StoredEvent[]>> {
  const rows = await readRows(pool, {
    nodeId,
    fromMicros: ledger.micros[range.first] ?? 0,
    toMicros: ledger.micros[range.end - 1] ?? 0,
  });
  const byNumber = new Map<number, StoredEvent[]>();
  for (const row of rows) {
    const number = numberOf(ledger, row.micros);
    if (number === undefined) continue;
    const others = byNumber.get(number);
    if (others) others.push(row);
    else byNumber.set(number, [row]);
  }
  return byNumber;
}

type Verdict = {
  readonly rows: number;
  readonly kind: "lost" | "doubled" | "altered" | "unconfirmed";
  readonly count: number;
};

function judge(
  probe: Probe,
  ledger: ProbeLedger,
  number: number,
  rows: readonly StoredEvent[],
): Verdict {
  const [row] = rows;
  const accepted = isAccepted(ledger, number);
  if (row === undefined) return { rows: 0, kind: "lost", count: accepted ? 1 : 0 };
  if (rows.length > 1) {
    return { rows: accepted ? rows.length : 0, kind: "doubled", count: rows.length - 1 };
  }
  if (!accepted) return { rows: 0, kind: "unconfirmed", count: 1 };
  const isAltered = !isAsSent(row, probe.eventAt(number, row.micros));
  return { rows: 1, kind: "altered", count: isAltered ? 1 : 0 };
}
