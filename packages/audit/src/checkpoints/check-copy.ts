import type { VerifiedEntry } from "../log/verify-entries.ts";
import type { Finding } from "./check-checkpoints.ts";
import { type ChainedEntry, entryHash } from "./follow-chain.ts";

/** An entry as a record of the topic audit.entries has it. */
export type CopiedEntry = ChainedEntry & { readonly offset: string };

export type CopyCheck = {
  /** To be called with the records of the topic, before the entries of the database. */
  addCopy: (entry: CopiedEntry) => void;
  /** To be called with what a record that is no entry is. */
  addUnreadable: (message: string) => void;
  /** To be called with all entries of the database in order. */
  add: (entry: VerifiedEntry) => void;
  /** @param options.isWhole false if the verification of the chain has ended before the last entry */
  end: (options: { isWhole: boolean }) => {
    copied: number;
    repeats: number;
    waiting: number;
    findings: readonly Finding[];
  };
};

/** An entry of the database that the topic has not is a finding when it is older. */
const PUBLISHED_AFTER_MS = 10 * 60_000;
const HASH_BYTES = 32;
const FIRST_CAPACITY = 4_096;

/**
 * Compares the copy in Kafka with the database. It keeps 32 bytes in memory for each entry. Repeats of a record are normal (the
 * auditor publishes at least once), as long as they are the same.
 */
export function createCopyCheck(options: { nowMs: number }): CopyCheck {
  const findings: Finding[] = [];
  let hashes = Buffer.alloc(FIRST_CAPACITY * HASH_BYTES);
  let copied = 0;
  let repeats = 0;
  let compared = 0;
  const waiting: VerifiedEntry[] = [];
  let waitingEntries = 0;
  const once = new Set<string>();
  const reportFirst = (kind: string, seq: number | undefined, message: string) => {
    if (once.has(kind)) return;
    once.add(kind);
    findings.push({ guard: "copy", ...(seq !== undefined && { seq }), message });
  };
  const hashOf = (seq: number) => hashes.subarray((seq - 1) * HASH_BYTES, seq * HASH_BYTES);

  return {
    addCopy: ({ seq, prevHash, entry, hash, offset }) => {
      if (!entryHash(prevHash, entry).equals(hash)) {
        reportFirst(
          "bytes",
          seq,
          `the copy of entry ${seq} at offset ${offset} has a hash that is not that of its bytes`,
        );
      }
      if (seq <= copied) {
        repeats++;
        if (!hashOf(seq).equals(hash)) {
          reportFirst(
            "fork",
            seq,
            `the topic has two different entries ${seq}, the second at offset ${offset}: the database was rebuilt or restored in between`,
          );
        }
        return;
      }
      if (seq !== copied + 1) {
        reportFirst(
          "gap",
          copied + 1,
          `the topic has no entry ${copied + 1}: at offset ${offset} it goes on with entry ${seq}`,
        );
        return;
      }
      if (hashes.length < seq * HASH_BYTES) {
        hashes = Buffer.concat([hashes, Buffer.alloc(hashes.length)]);
      }
      Buffer.from(hash).copy(hashes, copied * HASH_BYTES);
      copied++;
    },
    addUnreadable: (message) => reportFirst("unreadable", undefined, message),
    add: (entry) => {
      compared = entry.seq;
      if (entry.seq > copied) {
        waitingEntries++;
        if (waiting.length === 0) waiting.push(entry);
        return;
      }
      if (!hashOf(entry.seq).equals(entry.hash)) {
        reportFirst(
          "differs",
          entry.seq,
          `entry ${entry.seq} of the database is not the one that was published to Kafka`,
        );
      }
    },
    end: ({ isWhole }) => {
      const [oldest] = waiting;
      if (oldest !== undefined && oldest.atMs < options.nowMs - PUBLISHED_AFTER_MS) {
        reportFirst(
          "late",
          oldest.seq,
          `entry ${oldest.seq} of ${new Date(oldest.atMs).toISOString()} is not in Kafka: the auditor does not run, or the topic has lost it`,
        );
      }
      if (copied > compared && isWhole) {
        reportFirst(
          "cut",
          compared + 1,
          `Kafka has ${copied} entries, but the database has ${compared}: the rest was cut off, or the database is from a backup`,
        );
      }
      return { copied, repeats, waiting: waitingEntries, findings };
    },
  };
}
