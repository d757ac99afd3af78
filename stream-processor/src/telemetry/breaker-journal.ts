import type { BreakerChange } from "@fiberstream/kafka/breaker";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { Counter, type Registry } from "prom-client";

/** More than this are not kept while PostgreSQL is unavailable: a breaker of each of some dozen partitions has opened and closed. */
const MAX_WAITING = 1_000;
const INTERVAL_MS = 1_000;

export const createUnrecordedChanges = (registry: Registry) =>
  new Counter({
    name: "fiberstream_breaker_changes_unrecorded_total",
    help: "Openings and closings of circuit breakers that are missing in the time line of changes, because PostgreSQL was unavailable for too long",
    registers: [registry],
  });

/**
 * Writes to `breaker_changes` when breakers open and close. The processing of events does not wait for it; what could not
 * be written is retried until the end of `life`.
 */
export function createBreakerJournal(options: {
  pool: PgPool;
  service: string;
  registry: Registry;
  life: Life;
  log: Log;
}): (change: BreakerChange) => void {
  const { pool, service, life, log } = options;
  const unrecorded = createUnrecordedChanges(options.registry);
  const waiting: (BreakerChange & { readonly at: string })[] = [];
  const write = async () => {
    const batch = [...waiting];
    if (batch.length === 0) return;
    await query(pool, INSERT, [service, JSON.stringify(batch)]);
    waiting.splice(0, batch.length);
  };
  const task = createRepeatedTask({
    name: "record breakers",
    work: write,
    intervalMs: INTERVAL_MS,
    log,
  });
  task.begin();
  life.own(task, (owned) => owned.end());

  return (change) => {
    if (waiting.length < MAX_WAITING) waiting.push({ ...change, at: new Date().toISOString() });
    else unrecorded.inc();
  };
}

const INSERT = `
  INSERT INTO breaker_changes (changed_at, partition, kind, service, reason)
  SELECT at, partition, CASE WHEN "isOpen" THEN 'breaker.opened' ELSE 'breaker.closed' END, $1, reason
  FROM jsonb_to_recordset($2::jsonb) AS given (at timestamptz, partition integer, "isOpen" boolean, reason text)`;
