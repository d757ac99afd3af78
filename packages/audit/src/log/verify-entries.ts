import {
  type AuditColumns,
  type AuditRow,
  canonicalText,
  entryTextOf,
  hashOf,
  NO_HASH,
} from "./audit-row.ts";

/**
 * What an entry is checked by. sequence: numbers without a gap; bytes: the hash is that of the bytes, which are JSON by RFC 8785; chain:
 * the hash before is that of the entry before; columns: they say what the bytes say; clock: no entry is older than the one before.
 */
export type Guard = "sequence" | "bytes" | "chain" | "columns" | "clock";

export type Finding = { readonly guard: Guard; readonly seq: number; readonly message: string };

/** What a log is verified after: the number and hash of an entry that is trusted. */
export type Position = { readonly seq: number; readonly hash: Buffer };

/** Before the first entry. */
export const LOG_START: Position = { seq: 0, hash: NO_HASH };

/** An entry that continues the chain. Its hash is what a tree over the log has as a leaf (RFC 6962). */
export type VerifiedEntry = {
  readonly seq: number;
  readonly hash: Buffer;
  /** Its time, in ms since 1970. */
  readonly atMs: number;
};

/** NTP moves a clock back by less; an operator who corrects one by more should know that the log shows it. */
const CLOCK_TOLERANCE_MS = 5_000;

/**
 * Verifies entries in order, and yields those that are right, in the batches in which they come. It ends at the first entry that is
 * wrong: nothing behind it is certain. An entry whose time is before that of its predecessor is reported, and does not end it.
 *
 * A log that is cut at its end, or was built again as a whole, is valid by itself: only checkpoints and copies elsewhere show that.
 *
 * @param options.after where to begin; default: before the first entry
 * @param options.onFinding called for the first entry that is wrong, and for the first one with a time that is too early
 */
export async function* verifyEntries(
  batches: AsyncIterable<readonly AuditRow[]>,
  options: { after?: Position; onFinding: (finding: Finding) => void },
): AsyncGenerator<readonly VerifiedEntry[]> {
  const { after = LOG_START, onFinding } = options;
  let last = after;
  let lastAtMs = -Infinity;
  let isClockFound = false;
  for await (const rows of batches) {
    const verified: VerifiedEntry[] = [];
    for (const row of rows) {
      const finding = wrongIn(row, last);
      if (finding !== undefined) {
        onFinding(finding);
        if (verified.length > 0) yield verified;
        return;
      }
      const atMs = Date.parse(row.at);
      if (atMs < lastAtMs - CLOCK_TOLERANCE_MS && !isClockFound) {
        isClockFound = true;
        onFinding(clockFinding(row, lastAtMs));
      }
      lastAtMs = atMs;
      last = row;
      verified.push({ seq: row.seq, hash: row.hash, atMs });
    }
    yield verified;
  }
}

/** Returns what is wrong with an entry that should follow `last`; undefined if it is right. */
function wrongIn(row: AuditRow, last: Position): Finding | undefined {
  const { seq } = row;
  if (seq !== last.seq + 1) {
    const missing = `entry ${last.seq + 1} is missing: entry ${seq} follows entry ${last.seq}`;
    return { guard: "sequence", seq: last.seq + 1, message: missing };
  }
  if (!row.prev_hash.equals(last.hash)) {
    const message = `entry ${seq} does not continue the chain: its prev_hash is not the hash of entry ${last.seq}`;
    return { guard: "chain", seq, message };
  }
  if (!hashOf(row).equals(row.hash)) {
    return { guard: "bytes", seq, message: `the hash of entry ${seq} is not that of its bytes` };
  }
  return wrongText(row);
}

function wrongText(row: AuditRow): Finding | undefined {
  const { seq } = row;
  // Most are right: then nothing has to be parsed.
  if (row.entry.equals(Buffer.from(entryTextOf(row)))) return undefined;
  const said = parsed(row.entry);
  if (said === undefined) {
    return { guard: "bytes", seq, message: `entry ${seq} is not JSON as RFC 8785 writes it` };
  }
  const names = Object.keys(NAMES).filter(
    (name) => canonicalText([said[name]]) !== canonicalText([row[name as keyof AuditColumns]]),
  );
  const which = names.length === 0 ? "what the columns do not have" : names.join(", ");
  const message = `the columns of entry ${seq} do not say what its bytes say: ${which}`;
  return { guard: "columns", seq, message };
}

const NAMES: Readonly<Record<keyof AuditColumns, true>> = {
  seq: true,
  at: true,
  tenant: true,
  actor_kind: true,
  actor: true,
  database_role: true,
  session: true,
  address: true,
  request_id: true,
  action: true,
  object_kind: true,
  object: true,
  outcome: true,
  reason: true,
  before: true,
  after: true,
};

/** Returns what an entry says; undefined if it is not the canonical form of an object. */
function parsed(entry: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(entry.toString("utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    return entry.equals(Buffer.from(canonicalText(value))) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function clockFinding({ seq, at }: AuditRow, lastAtMs: number): Finding {
  const before = new Date(lastAtMs).toISOString();
  const message = `entry ${seq} is of ${at}, and entry ${seq - 1} before it of ${before}: the clock of the database was turned back`;
  return { guard: "clock", seq, message };
}
