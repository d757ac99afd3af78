import { setTimeout as delay } from "node:timers/promises";
import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { AuditorMetrics } from "./auditor-metrics.ts";
import { BrokenTrailError } from "./trail/broken-trail.ts";

const TRY_LOCK = `SELECT pg_try_advisory_lock(${ADVISORY_LOCKS.keepAuditTrail}) AS "isLeader"`;
/** How often an auditor that waits tries to take over. */
const TAKE_OVER_EVERY_MS = 1_000;
/** After an error that an operator has to correct. */
const FATAL_RETRY_MS = 30_000;

const BROKEN_ADVICE =
  "Nothing more is published or signed. Keep the database as it is, run fiber audit verify, and follow docs/runbooks/audit-broken.md";

/**
 * Lets one auditor work at a time: the one with the advisory lock, which ends with its connection. The others wait to take over. When
 * the trail is broken, it stops until the process is started again: what was changed does not become right by itself.
 *
 * @param options.work runs on the connection with the lock; it is called again when it returns
 * @returns when it has stopped
 */
export async function lead(options: {
  pool: PgPool;
  work: (client: PgClient) => Promise<void>;
  check: Check;
  metrics: Pick<AuditorMetrics, "setLeads" | "setBroken">;
  log: Log;
  stopping: AbortSignal;
}): Promise<void> {
  const { pool, work, check, metrics, log, stopping } = options;
  const pause = (ms: number) => delay(ms, undefined, { signal: stopping }).catch(() => undefined);

  const workAsLeader = async (client: PgClient) => {
    const [lock] = await query<{ isLeader: boolean }>(client, TRY_LOCK);
    if (lock?.isLeader !== true) {
      // Another one leads. This one is ready to take over.
      check.ok();
      return;
    }
    log.info("became the auditor that leads");
    metrics.setLeads(true);
    while (!stopping.aborted) await work(client);
  };

  for (let failures = 0; !stopping.aborted;) {
    let waitMs = TAKE_OVER_EVERY_MS;
    let client: PgClient | undefined;
    try {
      client = await pool.connect();
      await workAsLeader(client);
      failures = 0;
    } catch (error) {
      if (stopping.aborted) return;
      if (error instanceof BrokenTrailError) {
        const { guard, message } = error;
        metrics.setBroken(guard);
        check.failing(`the audit trail is broken (guard ${guard}): ${message}`);
        log.fatal({ guard, reason: message, advice: BROKEN_ADVICE }, "audit trail broken");
        return;
      }
      failures++;
      const failure = postgresFailure(error);
      const advice = failure instanceof FatalError ? failure.advice : undefined;
      waitMs = advice === undefined ? retryDelayMs(failures) : FATAL_RETRY_MS;
      const reason = messageOf(failure);
      check.failing(reason);
      log.warn({ reason, advice, failures }, "keeping the audit trail failed, retrying");
    } finally {
      metrics.setLeads(false);
      // Closes the connection, which releases the lock.
      client?.release(true);
    }
    await pause(waitMs);
  }
}
