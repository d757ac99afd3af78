import type { LogStarts } from "@fiberstream/kafka/log-starts";
import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import { type Actor, appendEntry } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { inTransaction, type PgClient, type PgPool } from "@fiberstream/postgres/pool";
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
 * @param options.actor who accepts it, for the audit log
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function acceptLog(
  pool: PgPool,
  options: { topic: string; found: LogStarts; dryRun: boolean; actor?: Actor },
): Promise<Acceptance> {
  const { topic, found, dryRun, actor = operator() } = options;
  const inLog = new Set(found.partitions);
  const attempt = { action: "sink.log_accepted", objectKind: "topic", object: topic };
  const accept = async (client: PgClient) => {
    const rows = await lockRows(client, topic);
    const foreign = rows.filter((row) => isAnotherLog(row.log, found.log));
    const accepted = foreign.flatMap((stored) => {
      // A partition that does not exist (yet) begins at 0.
      const to =
        found.starts.get(stored.partition) ?? (inLog.has(stored.partition) ? undefined : 0n);
      return to === undefined ? [] : [{ stored, to }];
    });
    if (!dryRun && accepted.length > 0) {
      const ends = accepted.map(({ stored, to }) => ({ partition: stored.partition, to }));
      await setRows(client, topic, ends, found.log);
      await appendEntry(client, { ...attempt, ...changeOf(accepted, found) });
    }
    const known = new Set(accepted.map(({ stored }) => stored));
    return { accepted, unknown: foreign.filter((row) => !known.has(row)) };
  };
  return dryRun ? inTransaction(pool, accept) : attemptAs(pool, actor, attempt, accept);
}

/** Logs and offsets by partition. */
const changeOf = (accepted: Acceptance["accepted"], { log }: LogStarts) => ({
  before: Object.fromEntries(
    accepted.map(({ stored }) => [
      stored.partition,
      { ...stored.log, next_offset: stored.nextOffset.toString() },
    ]),
  ),
  after: Object.fromEntries(
    accepted.map(({ stored, to }) => [stored.partition, { ...log, next_offset: to.toString() }]),
  ),
});
