import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Finding } from "@fiberstream/reconciliation/judge-minute";
import { createKafkaView } from "./kafka-view.ts";
import { createReconcile } from "./reconcile.ts";

export type ReconciliationVerdict = {
  readonly ok: boolean;
  /** How many minutes were judged, and events of them in raw. */
  readonly minutes: number;
  readonly events: number;
  readonly differs: readonly FoundIn[];
  readonly notKnown: readonly FoundIn[];
};
/** @param minute ISO 8601 */
export type FoundIn = Finding & { readonly minute: string };

/** Ahead of any clock that a test has set ahead. */
const AHEAD_MS = 2 * 86_400_000;

/**
 * Judges all minutes at once, also those judged before. To be called when nothing is sent any more and all events that
 * were sent are stored.
 *
 * @param options.timeoutMs how long to wait for minutes that the stages have not passed; after that they count as not known
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function reconciliationVerdict(options: {
  pool: PgPool;
  kafka: KafkaClient;
  namespace: string;
  timeoutMs?: number;
}): Promise<ReconciliationVerdict> {
  const { pool, timeoutMs = 60_000 } = options;
  const kafka = createKafkaView(options);
  const endAtMs = performance.now() + timeoutMs;
  try {
    await query(pool, "UPDATE reconciliation_books SET is_judged = false");
    const limits = { judgeAfterMs: 0, giveUpAfterMs: Infinity, keepMs: 7 * 86_400_000 };
    const nowMs = () => wallNowMs() + AHEAD_MS;
    const reconcile = createReconcile({ pool, kafka, limits, nowMs });
    let waiting = 1;
    while (waiting > 0 && performance.now() < endAtMs) {
      // Undefined while the reconciler of a sink holds the lock.
      waiting = (await reconcile())?.waiting ?? 1;
      if (waiting > 0) await delay(100);
    }
    return await readVerdict(pool, waiting);
  } finally {
    await kafka.close();
  }
}

async function readVerdict(pool: PgPool, waiting: number): Promise<ReconciliationVerdict> {
  const rows = await query<{ minute: Date; events: string; findings: Finding[] }>(
    pool,
    "SELECT minute, events, findings FROM reconciled_minutes ORDER BY minute",
  );
  const found = rows.flatMap(({ minute, findings }) =>
    findings.map((finding) => ({ ...finding, minute: minute.toISOString() })),
  );
  const differs = found.filter(({ verdict }) => verdict === "differs");
  const notKnown = found.filter(({ verdict }) => verdict === "not known");
  if (waiting > 0) notKnown.push(unjudged(waiting));
  return {
    ok: differs.length + notKnown.length === 0,
    minutes: rows.length,
    events: rows.reduce((sum, { events }) => sum + Number(events), 0),
    differs,
    notKnown,
  };
}

const unjudged = (minutes: number): FoundIn => ({
  verdict: "not known",
  hop: "raw",
  partition: null,
  events: 0,
  offset: null,
  minute: "",
  why: `${minutes} minutes could not be judged: not all stages have passed them`,
});
