import type { LogStarts } from "@fiberstream/kafka/log-starts";
import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { lockRows, setRows, type StoredRow } from "./stored-row.ts";

export type Acceptance = {
  /** Partitions whose stored offset is of another log, and their first offsets in this one. */
  readonly accepted: readonly { readonly stored: StoredRow; readonly to: bigint }[];
  /** Partitions of another log whose first offset is unknown, because they have no leader. They are not changed. */
  readonly unknown: readonly StoredRow[];
};

/**
 * Moves the partitions whose stored offset is of another log to the beginning of the log that Kafka has now. A sink
 * may be running: its writes with offsets of the other log fail afterwards.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function acceptLog(
  pool: PgPool,
  options: { topic: string; found: LogStarts; dryRun: boolean },
): Promise<Acceptance> {
  const { topic, found, dryRun } = options;
  const inLog = new Set(found.partitions);
  return inTransaction(pool, async (client) => {
    const rows = await lockRows(client, topic);
    const foreign = rows.filter((row) => isAnotherLog(row.log, found.log));
    const accepted = foreign.flatMap((stored) => {
      // A partition that does not exist (yet) begins at 0.
      const to =
        found.starts.get(stored.partition) ?? (inLog.has(stored.partition) ? undefined : 0n);
      return to === undefined ? [] : [{ stored, to }];
    });
    if (!dryRun) {
      const ends = accepted.map(({ stored, to }) => ({ partition: stored.partition, to }));
      await setRows(client, topic, ends, found.log);
    }
    const known = new Set(accepted.map(({ stored }) => stored));
    return { accepted, unknown: foreign.filter((row) => !known.has(row)) };
  });
}
