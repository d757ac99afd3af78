import { type PgClient, query } from "@fiberstream/postgres/pool";
import type { ChainedEntry } from "@fiberstream/audit/checkpoints/follow-chain";

/** An entry of `audit_log`. */
export type LogEntry = ChainedEntry & {
  /** Its time, in ms since 1970. */
  readonly atMs: number;
};

export type LogHead = { readonly seq: number; readonly hash: Buffer };

/** The table as the auditor reads it. Its functions throw {TransientError} and {FatalError}. */
export type AuditLog = {
  /** Returns the newest entry's number and hash; seq 0 if there is no entry. */
  head: () => Promise<LogHead>;
  /** Returns up to PAGE_ENTRIES entries after a number, in order. */
  entriesAfter: (seq: number) => Promise<LogEntry[]>;
};

/** An entry has at most about 150 kB, and usually 1 kB. */
export const PAGE_ENTRIES = 250;

/** Not from the view audit_head, which its owner can replace. */
const SELECT_HEAD = "SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1";
const SELECT_ENTRIES = `
  SELECT seq, extract(epoch FROM at) * 1000 AS at_ms, entry, prev_hash, hash
  FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT ${PAGE_ENTRIES}`;

type HeadRow = { seq: string; hash: Buffer };
type EntryRow = { seq: string; at_ms: string; entry: Buffer; prev_hash: Buffer; hash: Buffer };

export const createAuditLog = (client: PgClient): AuditLog => ({
  head: async () => {
    const [row] = await query<HeadRow>(client, SELECT_HEAD);
    return row === undefined
      ? { seq: 0, hash: Buffer.alloc(32) }
      : { seq: Number(row.seq), hash: row.hash };
  },
  entriesAfter: async (seq) => {
    const rows = await query<EntryRow>(client, SELECT_ENTRIES, [seq]);
    return rows.map(({ seq: number, at_ms, entry, prev_hash, hash }) => ({
      seq: Number(number),
      atMs: Number(at_ms),
      entry,
      prevHash: prev_hash,
      hash,
    }));
  },
});
