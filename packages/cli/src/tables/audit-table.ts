import { type PgPool, query } from "@fiberstream/postgres/pool";

/** An entry of `audit_log`, with the name of its actor. */
export type ListedEntry = {
  readonly seq: number;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly tenant: string | null;
  readonly actor_kind: string;
  readonly actor: string;
  /** Null: none is known, or it was erased. */
  readonly name: string | null;
  readonly database_role: string;
  readonly session: string | null;
  readonly address: string | null;
  readonly request_id: string | null;
  readonly action: string;
  readonly object_kind: string;
  readonly object: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly before: unknown;
  readonly after: unknown;
};

export type AuditFilter = {
  /** Id or name. */
  readonly actor?: string;
  /** An action, or the beginning of some that ends with a dot. */
  readonly action?: string;
  readonly object?: string;
  readonly tenant?: string;
  readonly outcome?: string;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly limit: number;
};

/**
 * Returns entries, the newest first.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export function listEntries(pool: PgPool, filter: AuditFilter): Promise<ListedEntry[]> {
  const { actor, action, object, tenant, outcome, fromMs, toMs, limit } = filter;
  const seconds = (ms: number | undefined) => (ms === undefined ? null : ms / 1_000);
  return query<ListedEntry>(pool, LIST, [
    actor ?? null,
    action ?? null,
    object ?? null,
    tenant ?? null,
    outcome ?? null,
    seconds(fromMs),
    seconds(toMs),
    limit,
  ]);
}

/**
 * Erases a name in `actors`; the entries stay, and have the id.
 * @returns false if no name is known for the id
 */
export async function forgetActor(
  on: Parameters<typeof query>[0],
  { kind, id }: { kind: string; id: string },
): Promise<boolean> {
  const [row] = await query<{ done: boolean }>(on, "SELECT audit_forget($1, $2) AS done", [
    kind,
    id,
  ]);
  return row?.done === true;
}

const LIST = `
  SELECT seq::float8 AS seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, tenant, actor_kind, actor,
         actors.name, database_role, session, address, request_id, action, object_kind, object, outcome, reason, before, after
  FROM audit_log LEFT JOIN actors ON actors.kind = actor_kind AND actors.actor_id = actor
  WHERE ($1::text IS NULL OR actor = $1 OR actors.name = $1)
    AND ($2::text IS NULL OR action = $2 OR (right($2, 1) = '.' AND starts_with(action, $2)))
    AND ($3::text IS NULL OR object = $3)
    AND ($4::text IS NULL OR tenant = $4)
    AND ($5::text IS NULL OR outcome = $5)
    AND ($6::float8 IS NULL OR at >= to_timestamp($6))
    AND ($7::float8 IS NULL OR at < to_timestamp($7))
  ORDER BY audit_log.seq DESC LIMIT $8`;
