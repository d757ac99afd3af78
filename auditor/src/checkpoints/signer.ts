import { signCheckpoint } from "@fiberstream/audit/checkpoints/checkpoint";
import type { ChainPosition } from "@fiberstream/audit/checkpoints/follow-chain";
import type { SigningKey } from "@fiberstream/audit/checkpoints/signing-keys";
import type { Log } from "@fiberstream/runtime/log";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { AuditorMetrics } from "../auditor-metrics.ts";
import { BrokenTrailError } from "../trail/broken-trail.ts";

export type Signer = {
  /** Asks for a checkpoint at the next occasion, also without news. */
  demand: () => void;
  /**
   * Continues after the checkpoints of before. To be called when the trail has been compared with them.
   * @throws {BrokenTrailError} when they end before what this process has signed
   */
  resume: (signed: { size: number; timeMs: number }) => void;
  /** Says that the database has entries up to this one: from now on they wait for a checkpoint. */
  noteEntries: (seq: number) => void;
  /**
   * Signs a checkpoint if one is due, and stores it.
   * @throws what `store` throws; then it is due again
   */
  signIfDue: (position: ChainPosition) => Promise<void>;
  /** Compares the time of a new entry with that of the newest checkpoint. */
  checkTime: (entry: { seq: number; atMs: number }) => void;
  unsignedSeconds: () => number;
};

/** Two clocks differ a little, and an entry has the time before its commit. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * Signs a checkpoint at each start, on demand, and every `intervalMs` in which the trail grows: the first entry after a quiet time is
 * signed at once.
 */
export function createSigner(options: {
  origin: string;
  key: SigningKey;
  intervalMs: number;
  store: (note: string) => Promise<void>;
  metrics: Pick<AuditorMetrics, "countCheckpoint" | "countContradiction">;
  log: Log;
}): Signer {
  const { origin, key, intervalMs, store, metrics, log } = options;
  let isDemanded = false;
  let signedSize = 0;
  let signedAtMs = -Infinity;
  /** By the wall clock, as the checkpoint says. */
  let signedTimeMs = -Infinity;
  let unsignedSinceMs: number | undefined;

  const noteEntries = (seq: number) => {
    unsignedSinceMs = seq > signedSize ? (unsignedSinceMs ?? performance.now()) : undefined;
  };

  return {
    noteEntries,
    demand: () => (isDemanded = true),
    resume: ({ size, timeMs }) => {
      if (size < signedSize) {
        throw new BrokenTrailError(
          "checkpoint",
          `this process has signed ${signedSize} entries, but the largest checkpoint in Kafka and the file has ${size}: checkpoints were deleted`,
        );
      }
      signedSize = size;
      signedTimeMs = timeMs;
      isDemanded = true;
    },
    signIfDue: async (position) => {
      const nowMs = performance.now();
      const hasNews = position.seq > signedSize;
      noteEntries(position.seq);
      if (!isDemanded && !(hasNews && nowMs - signedAtMs >= intervalMs)) return;
      const timeMs = wallNowMs();
      if (timeMs < signedTimeMs) {
        metrics.countContradiction();
        log.error({ signedTimeMs, timeMs }, "clock turned back since the last checkpoint");
      }
      const { seq: size, tree } = position;
      isDemanded = false;
      try {
        await store(signCheckpoint({ origin, size, root: tree.root(), timeMs }, key));
      } catch (error) {
        isDemanded = true;
        throw error;
      }
      signedSize = size;
      signedAtMs = nowMs;
      signedTimeMs = timeMs;
      unsignedSinceMs = undefined;
      metrics.countCheckpoint(size);
      log.info({ size }, "checkpoint signed");
    },
    checkTime: ({ seq, atMs }) => {
      if (atMs >= signedTimeMs - CLOCK_TOLERANCE_MS) return;
      metrics.countContradiction();
      log.error({ seq, atMs, signedTimeMs }, "entry is older than a checkpoint without it");
    },
    unsignedSeconds: () =>
      unsignedSinceMs === undefined ? 0 : (performance.now() - unsignedSinceMs) / 1_000,
  };
}
