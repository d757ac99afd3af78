import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { AuditRow } from "./audit-row.ts";

/** An entry is usually 1 kB, and at most about 150 kB. */
const MAX_ROWS = 1_000;

/**
 * Yields the rows of `audit_log` from a number on, some at a time: the memory that it takes does not grow with the log.
 *
 * @param range.from the first number
 * @param range.to the last number; default: the newest entry
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function* readLog(
  pool: PgPool,
  { from = 1, to = Number.MAX_SAFE_INTEGER }: { from?: number; to?: number } = {},
): AsyncGenerator<readonly AuditRow[]> {
  const pageFrom = (first: number) => query<AuditRow>(pool, SELECT_ROWS, [first, to, MAX_ROWS]);
  let page = pageFrom(from);
  while (true) {
    const rows = await page;
    const last = rows.at(-1);
    if (last === undefined) return;
    // The database reads the next page while this one is used.
    page = pageFrom(last.seq + 1);
    // If nobody asks for it any more, its failure is nobody's.
    page.catch(() => undefined);
    yield rows;
  }
}

/**
 * Returns the number of the newest entry; 0 while there is none.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function newestSeq(pool: PgPool): Promise<number> {
  // Not from the view audit_head, which its owner can replace.
  const text = "SELECT seq::float8 AS seq FROM audit_log ORDER BY audit_log.seq DESC LIMIT 1";
  const [head] = await query<{ seq: number }>(pool, text);
  return head?.seq ?? 0;
}

/** @returns undefined if there is no such entry */
export async function hashOfEntry(pool: PgPool, seq: number): Promise<Buffer | undefined> {
  const text = "SELECT hash FROM audit_log WHERE seq = $1";
  const [row] = await query<{ hash: Buffer }>(pool, text, [seq]);
  return row?.hash;
}

// A number as float8 is exact up to 2^53.
const SELECT_ROWS = `
  SELECT seq::float8 AS seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, tenant, actor_kind, actor,
         database_role, session, address, request_id, action, object_kind, object, outcome, reason, before, after,
         entry, prev_hash, hash
  FROM audit_log WHERE seq >= $1 AND seq <= $2 ORDER BY audit_log.seq LIMIT $3`;
