import type pg from "pg";
import { inTransaction, type PgClient, type PgPool, query } from "./pool.ts";

/** Who changes something: what the audit log says of it. Names of people are kept apart from the log, so that they can be erased. */
export type Actor = {
  /** anonymous: nobody has signed in. */
  readonly kind: "user" | "key" | "operator" | "service" | "system" | "anonymous";
  /** Of a user the user_id, of a key the key id. Of an operator the account of the machine: the log has an id that is drawn for it. */
  readonly id: string;
  /** Name of a user. Kept in `actors` only. */
  readonly name?: string | undefined;
  /** Names the session; never its token. */
  readonly session?: string | undefined;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
};

/** What is logged where no audited row changes: an offset that is moved, a try that is denied or fails. */
export type AuditEntry = {
  /** Kind and past participle, such as `sink.rewound`. */
  readonly action: string;
  readonly objectKind: string;
  readonly object: string;
  /** Default: ok. */
  readonly outcome?: "ok" | "denied" | "failed" | undefined;
  readonly reason?: string | undefined;
  readonly before?: Readonly<Record<string, unknown>> | undefined;
  readonly after?: Readonly<Record<string, unknown>> | undefined;
  /** Undefined: the platform's. */
  readonly tenant?: string | undefined;
};

/**
 * Runs `work` in one transaction whose entries in the audit log name `actor`. Tables that are audited append them by triggers, when
 * the transaction commits; a change whose entry cannot be appended is rolled back.
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {RowRefusedError}
 */
export function inTransactionAs<T>(
  pool: PgPool,
  actor: Actor,
  work: (client: PgClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await actAs(client, actor);
    return work(client);
  });
}

/**
 * Names who acts from here to the end of the client's transaction.
 * @param options.until "end of session": also in the transactions after it
 */
export async function actAs(
  client: PgClient | pg.Client,
  actor: Actor,
  { until = "end of transaction" }: { until?: "end of transaction" | "end of session" } = {},
): Promise<void> {
  const { requestId, ...others } = actor;
  await query(client, "SELECT set_config('fiberstream.actor', $1, $2)", [
    JSON.stringify({ ...others, request_id: requestId }),
    until === "end of transaction",
  ]);
}

/** Appends an entry in the client's transaction, and returns its number. The transaction waits for others that append. */
export async function appendEntry(
  client: PgClient | pg.Client,
  entry: AuditEntry,
): Promise<number> {
  const { before, after } = entry;
  const [row] = await query<{ seq: string }>(
    client,
    "SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8) AS seq",
    [
      entry.action,
      entry.objectKind,
      entry.object,
      entry.outcome ?? "ok",
      entry.reason ?? null,
      before === undefined ? null : JSON.stringify(before),
      after === undefined ? null : JSON.stringify(after),
      entry.tenant ?? null,
    ],
  );
  return Number(row?.seq);
}

/** Appends an entry in a transaction of its own: for a try that is denied or has failed, whose own transaction was rolled back. */
export const recordAttempt = (pool: PgPool, actor: Actor, entry: AuditEntry): Promise<number> =>
  inTransactionAs(pool, actor, (client) => appendEntry(client, entry));
