import {
  type ChainPosition,
  chainStart,
  copyOf,
} from "@fiberstream/audit/checkpoints/follow-chain";
import type { AuditLog, LogEntry } from "../trail/audit-log.ts";
import { BrokenTrailError } from "../trail/broken-trail.ts";
import { followLog } from "../trail/follow-log.ts";
import type { Memory, RememberedCheckpoint } from "./memory.ts";

/**
 * Reads the whole trail, and compares it with what was signed and published: that has to be its beginning.
 *
 * @param options.published number of the last entry that is marked as published
 * @returns the position after that entry, and the size of the largest checkpoint
 * @throws {BrokenTrailError}
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function compareWithMemory(options: {
  log: AuditLog;
  memory: Memory;
  published: number;
  stopping: AbortSignal;
}): Promise<{ position: ChainPosition; signedSize: number }> {
  const { log, memory, published, stopping } = options;
  const beginning = chainStart();
  let position = published === 0 ? copyOf(beginning) : undefined;
  comparePosition(beginning, memory);
  const onEntry = (entry: LogEntry, after: ChainPosition) => {
    compareEntry(entry, memory);
    comparePosition(after, memory);
    if (entry.seq === published) position = copyOf(after);
  };
  const end = await followLog(log, beginning, { onEntry, stopping });
  const signedSize = Math.max(0, ...memory.checkpoints.keys());
  if (!stopping.aborted) compareEnd(end, memory, published);
  return { position: position ?? end, signedSize };
}

function compareEntry({ seq, hash }: LogEntry, { published }: Memory): void {
  const copied = published.get(seq);
  if (copied === undefined || copied.equals(hash)) return;
  throw new BrokenTrailError(
    "copy",
    `entry ${seq} of the database is not the one that was published to Kafka: the chain was rebuilt, or the database was restored and has grown since`,
  );
}

function comparePosition({ seq, tree }: ChainPosition, { checkpoints }: Memory): void {
  for (const checkpoint of checkpoints.get(seq) ?? []) {
    if (checkpoint.root.equals(tree.root())) continue;
    throw new BrokenTrailError(
      "checkpoint",
      `the checkpoint ${whatOf(checkpoint)} has signed other entries: at least one of the first ${seq} was changed, or the chain was rebuilt`,
    );
  }
}

function compareEnd({ seq }: ChainPosition, memory: Memory, published: number): void {
  const missing = "the rest was cut off, or the database is from a backup";
  const largest = [...memory.checkpoints.values()].flat().toSorted((a, b) => b.size - a.size)[0];
  if (largest !== undefined && largest.size > seq) {
    throw new BrokenTrailError(
      "checkpoint",
      `the checkpoint ${whatOf(largest)} has signed ${largest.size} entries, but the database has ${seq}: ${missing}`,
    );
  }
  const copied = Math.max(published, ...memory.published.keys());
  if (copied > seq) {
    throw new BrokenTrailError(
      "copy",
      `${copied} entries were published to Kafka, but the database has ${seq}: ${missing}`,
    );
  }
}

const whatOf = ({ where, size, timeMs }: RememberedCheckpoint) =>
  `at ${where} (size ${size}${timeMs === undefined ? "" : `, signed at ${new Date(timeMs).toISOString()}`})`;
