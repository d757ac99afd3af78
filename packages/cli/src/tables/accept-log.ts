import type { LogStarts } from "@fiberstream/kafka/log-starts";
import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { lockRows, setRows, type StoredRow } from "./stored-row.ts";

export type Acceptance = {
  /** Partitions whose stored offset is of another log, and where each begins in this one. */
  readonly accepted: readonly { readonly stored: StoredRow; readonly to: bigint }[];
  /** Those of them of which Kafka does not say at the moment where they begin. They stay as they are. */
  readonly unknown: readonly StoredRow[];
};

/**
 * Has partitions whose stored offset is of another log begin at the beginning of the one that Kafka has now. A
 * sink may run: what it still has of the other log is refused by then.
 * @throws {TransientError} @throws {FatalError}
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
      // One that the log does not have (yet) would begin at 0.
      const to =
        found.starts.get(stored.partition) ?? (inLog.has(stored.partition) ? undefined : 0n);
      return to === undefined ? [] : [{ stored, to }];
    });
    if (!dryRun) {
      const goals = accepted.map(({ stored, to }) => ({ partition: stored.partition, to }));
      await setRows(client, topic, goals, found.log);
    }
    const known = new Set(accepted.map(({ stored }) => stored));
    return { accepted, unknown: foreign.filter((row) => !known.has(row)) };
  });
}
