import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import {
  type Actor,
  appendEntry,
  type AuditEntry,
  inTransactionAs,
  recordAttempt,
} from "./acting.ts";
import type { PgClient, PgPool } from "./pool.ts";
import { sqlStateOf } from "./postgres-errors.ts";

/** What is tried, for the entry of a try that fails. */
export type Attempt = Pick<AuditEntry, "action" | "objectKind" | "object" | "after" | "tenant">;

/**
 * Runs `work` in one transaction as `actor`. A try that fails is an entry of its own: denied when PostgreSQL does not allow it to this
 * account, failed otherwise. While the database is unavailable it cannot be recorded; then nothing was changed either.
 * @throws what `work` and the transaction throw
 */
export async function attemptAs<T>(
  pool: PgPool,
  actor: Actor,
  attempt: Attempt,
  work: (client: PgClient) => Promise<T>,
): Promise<T> {
  try {
    return await inTransactionAs(pool, actor, work);
  } catch (error) {
    await recordFailure(pool, actor, attempt, error);
    throw error;
  }
}

/**
 * Runs `work` that changes something outside of the database, such as Kafka, between two entries: `<action>.begun` and
 * `<action>.ended`. Without the first one nothing is done.
 *
 * @param summaryOf what the entry at the end has of the result
 * @throws what `work` throws; and the database's errors
 */
export async function attemptOutside<T>(
  pool: PgPool,
  actor: Actor,
  attempt: Attempt,
  work: () => Promise<T>,
  summaryOf: (result: T) => Readonly<Record<string, unknown>> | undefined = () => undefined,
): Promise<T> {
  const { action } = attempt;
  await recordAttempt(pool, actor, { ...attempt, action: `${action}.begun` });
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await recordFailure(pool, actor, { ...attempt, action: `${action}.ended` }, error);
    throw error;
  }
  const after = summaryOf(result);
  await inTransactionAs(pool, actor, (client) =>
    appendEntry(client, { ...attempt, action: `${action}.ended`, after }),
  );
  return result;
}

async function recordFailure(
  pool: PgPool,
  actor: Actor,
  attempt: Attempt,
  error: unknown,
): Promise<void> {
  const outcome = isDenied(error) ? "denied" : "failed";
  // The error of the try is the one to report.
  await recordAttempt(pool, actor, { ...attempt, outcome, reason: messageOf(error) }).catch(
    () => undefined,
  );
}

const INSUFFICIENT_PRIVILEGE = "42501";
const isDenied = (error: unknown): boolean =>
  sqlStateOf(error instanceof FatalError ? error.cause : error) === INSUFFICIENT_PRIVILEGE;
