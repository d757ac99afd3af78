import { setTimeout as delay } from "node:timers/promises";
import type { ChainPosition } from "@fiberstream/audit/checkpoints/follow-chain";
import type { Signer } from "./checkpoints/signer.ts";
import { compareWithMemory } from "./memory/compare-with-memory.ts";
import type { Memory } from "./memory/memory.ts";
import { type AuditLog, type LogEntry, PAGE_ENTRIES } from "./trail/audit-log.ts";
import { followLog } from "./trail/follow-log.ts";
import type { Outbox } from "./trail/outbox.ts";

/** One row is read so often: an index look-up. A notification would lock all commits of the database for a moment. */
const POLL_EVERY_MS = 1_000;
/** Then a checkpoint has its turn, also while more entries come than can be published. */
const PAGES_A_TURN = 20;

/**
 * Keeps the audit trail: the story of the auditor. It reads the whole trail, which has to begin with what was published and signed
 * before; then it publishes each new entry, and signs how far the trail has come. After `rereadIntervalMs` it returns, to be called
 * again: an entry in the middle that was changed without its hash is found only by reading it.
 *
 * @throws {BrokenTrailError} when the trail is another one than before
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function keepTrail(parts: {
  log: AuditLog;
  outbox: Outbox;
  recall: () => Promise<Memory>;
  publish: (entries: readonly LogEntry[]) => Promise<void>;
  signer: Signer;
  rereadIntervalMs: number;
  onCompared: () => void;
  stopping: AbortSignal;
}): Promise<void> {
  const { log, outbox, publish, signer, stopping } = parts;
  const memory = await parts.recall();
  const published = await outbox.published();
  const compared = await compareWithMemory({ log, memory, published, stopping });
  if (stopping.aborted) return;
  signer.resume({ size: compared.signedSize, timeMs: newestTimeMs(memory) });
  parts.onCompared();

  const onEntry = (entry: LogEntry) => {
    if (entry.seq > compared.signedSize) signer.checkTime(entry);
  };
  // Published before it is marked: after a crash in between it is published again.
  const onPage = async (entries: readonly LogEntry[], { seq }: ChainPosition) => {
    // Before publishing, which waits while Kafka is unavailable: the entries wait for their checkpoint from now on.
    signer.noteEntries(seq);
    await publish(entries);
    await outbox.mark(seq);
  };
  const rereadAtMs = performance.now() + parts.rereadIntervalMs;
  let { position } = compared;
  while (!stopping.aborted && performance.now() < rereadAtMs) {
    const from = position.seq;
    position = await followLog(log, position, {
      onEntry,
      onPage,
      maxPages: PAGES_A_TURN,
      stopping,
    });
    await signer.signIfDue(position);
    // While entries keep coming, the next ones are read at once.
    if (position.seq - from >= PAGES_A_TURN * PAGE_ENTRIES) continue;
    await delay(POLL_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

function newestTimeMs({ checkpoints }: Memory): number {
  const times = [...checkpoints.values()].flat().map(({ timeMs = -Infinity }) => timeMs);
  return Math.max(-Infinity, ...times);
}
