import type { PgPool } from "@fiberstream/postgres/pool";
import { hashOfEntry, newestSeq, readLog } from "./read-log.ts";
import {
  type Finding,
  LOG_START,
  type Position,
  type VerifiedEntry,
  verifyEntries,
} from "./verify-entries.ts";

export type Verification = {
  /** Number of the first entry that was verified. */
  readonly from: number;
  /** How many entries are right, up to the first one that is wrong. */
  readonly entries: number;
  /** The last of them; undefined if there is none. */
  readonly last: Position | undefined;
  /** Number of the newest entry of the log when this began. */
  readonly newest: number;
  readonly findings: readonly Finding[];
};

/**
 * Verifies the log in the database: sequence, chain, bytes, columns and clock.
 *
 * @param options.from begin with this entry, and trust the one before it; default: the first one
 * @param options.to the last one to verify; default: the newest one
 * @param options.onVerified gets the entries that are right, for what else they are compared with
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function verifyLog(
  pool: PgPool,
  options: {
    from?: number;
    to?: number;
    onVerified?: (entries: readonly VerifiedEntry[], newest: number) => void;
  } = {},
): Promise<Verification> {
  const { from = 1, onVerified = () => undefined } = options;
  const newest = await newestSeq(pool);
  const findings: Finding[] = [];
  const begun = { from, newest, findings };
  const hash = from === 1 ? LOG_START.hash : await hashOfEntry(pool, from - 1);
  if (hash === undefined || newest === 0) {
    const seq = newest === 0 ? 1 : from - 1;
    const message =
      newest === 0 ? "the log has no entry, not even of how it began" : `entry ${seq} is missing`;
    findings.push({ guard: "sequence", seq, message });
    return { ...begun, entries: 0, last: undefined };
  }
  let last: Position = { seq: from - 1, hash };
  let entries = 0;
  const rows = readLog(pool, { from, to: options.to ?? newest });
  const onFinding = (finding: Finding) => findings.push(finding);
  for await (const verified of verifyEntries(rows, { after: last, onFinding })) {
    entries += verified.length;
    last = verified.at(-1) ?? last;
    onVerified(verified, newest);
  }
  return { ...begun, entries, last: entries === 0 ? undefined : last };
}
