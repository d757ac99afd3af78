import { isPublishable } from "@fiberstream/audit/checkpoints/entry-record";
import {
  afterEntry,
  chainFault,
  type ChainPosition,
  copyOf,
} from "@fiberstream/audit/checkpoints/follow-chain";
import type { AuditLog, LogEntry, LogHead } from "./audit-log.ts";
import { BrokenTrailError } from "./broken-trail.ts";

/**
 * Reads the entries after a position, and verifies that each continues the chain.
 *
 * @param steps.onEntry called with each verified entry and the position after it. That position changes with the next entry
 * @param steps.onPage called with each page of verified entries before the next one is read
 * @param steps.maxPages returns after so many pages; default: when no entry is left
 * @param steps.stopping ends it after a page
 * @returns the position after the last entry; `from` stays as it is
 * @throws {BrokenTrailError}
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function followLog(
  log: AuditLog,
  from: ChainPosition,
  steps: {
    onEntry?: (entry: LogEntry, after: ChainPosition) => void;
    onPage?: (entries: readonly LogEntry[], after: ChainPosition) => Promise<void>;
    maxPages?: number;
    stopping: AbortSignal;
  },
): Promise<ChainPosition> {
  const head = await log.head();
  compareWithHead(from, head);
  if (head.seq === from.seq) return from;
  let position = copyOf(from);
  const { maxPages = Infinity } = steps;
  let pages = 0;
  while (!steps.stopping.aborted) {
    if (pages++ >= maxPages) return position;
    const page = await log.entriesAfter(position.seq);
    if (page.length === 0) break;
    for (const entry of page) {
      position = verified(position, entry);
      steps.onEntry?.(entry, position);
      if (entry.seq === head.seq) compareWithHead(position, head);
    }
    await steps.onPage?.(page, position);
  }
  // Entries are only appended, so what the head had is read after it.
  if (position.seq < head.seq && !steps.stopping.aborted) compareWithHead({ ...head }, position);
  return position;
}

/** What was read before must still be there, unchanged. */
function compareWithHead(read: LogHead, head: LogHead): void {
  if (head.seq < read.seq) {
    throw new BrokenTrailError(
      "head",
      `the database had ${read.seq} entries, and now has ${head.seq}: the rest was cut off, or the database is from a backup`,
    );
  }
  if (head.seq === read.seq && !head.hash.equals(read.hash)) {
    throw new BrokenTrailError(
      "head",
      `entry ${head.seq} of the database is not the one that was read before: the chain was rebuilt`,
    );
  }
}

function verified(position: ChainPosition, entry: LogEntry): ChainPosition {
  const fault = chainFault(position, entry);
  if (fault !== undefined) throw new BrokenTrailError(fault.guard, fault.message);
  if (!isPublishable(entry)) {
    throw new BrokenTrailError("bytes", `entry ${entry.seq} is not UTF-8`);
  }
  return afterEntry(position, entry);
}
