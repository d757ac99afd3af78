import { redacted } from "@fiberstream/kafka/dead-letter";
import type { RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
import { FatalError } from "@fiberstream/runtime/errors";
import type { SendDeadLetters } from "./dead-letters.ts";
import type { InsertRows } from "./insert/insert-rows.ts";
import { moveOffsets } from "./offsets/stored-offsets.ts";
import { updateBooks } from "./reconciliation/update-books.ts";
import type { NodeRegistration } from "./register-nodes.ts";
import { markRollUps } from "./rollups/mark-roll-ups.ts";
import type { RecentEvents } from "./rows/recent-events.ts";
import type { RowBuffers } from "./rows/row-buffers.ts";
import type { ReadRows } from "./rows/row-reader.ts";
import type { SinkMetrics } from "./sink-metrics.ts";
import type { TraceWrite, WriteTrace } from "./trace-write.ts";

export type WriteBatches = (batches: readonly RecordBatch[]) => Promise<void>;

/**
 * The story of a write. It takes one batch of each of several partitions, decodes them into rows, inserts the rows, and
 * commits them together with the partitions' next offsets, all or nothing. Kafka acknowledges the dead letters before
 * the commit.
 *
 * @returns a function that throws TransientError (retry the batches, or read again from the stored offsets) and
 *   FatalError
 */
export function createWriteBatches(options: {
  buffers: RowBuffers;
  readRows: ReadRows;
  pool: PgPool;
  sendDeadLetters: SendDeadLetters;
  insertRows: InsertRows;
  nodes: NodeRegistration;
  recent: RecentEvents;
  metrics: SinkMetrics;
  traceWrite: TraceWrite;
}): WriteBatches {
  const { buffers, readRows, pool, sendDeadLetters, insertRows, nodes, recent, metrics } = options;

  const writeAll = (batches: readonly RecordBatch[], trace: WriteTrace) =>
    buffers.lend(async (rows) => {
      const dead = await readRows(batches, rows);
      await sendDeadLetters(dead, "decode");

      const { inserted, remember } = await inTransaction(pool, async (client) => {
        // First, for its row locks: another owner of a partition waits here, and rolls back once the offset has moved.
        await moveOffsets(client, batches);
        const count = rows.unseen.count() + rows.seen.count();
        const written = await trace.copying(count, () => insertRows(client, rows));
        const refused = written.flatMap(({ result }) => [...result.refused.values()]);
        await sendDeadLetters(refused, "write");
        await updateBooks(client, { batches, inserted: written, dead });
        await markRollUps(client, written);
        return { inserted: written, remember: await nodes.register(client, written) };
      });

      remember();
      metrics.written({ inserted, dead });
    });

  return async (batches) => {
    const trace = options.traceWrite(batches);
    try {
      await writeAll(batches, trace);
      trace.end();
    } catch (error) {
      trace.end(error);
      nodes.forget();
      recent.forget();
      throw error instanceof RowRefusedError ? refusedOutsideMetrics(error) : error;
    }
  };
}

/** Rejected rows of metrics are isolated earlier. This is a row of another table, which no single record has caused. */
const refusedOutsideMetrics = (refusal: RowRefusedError) =>
  new FatalError(
    `PostgreSQL rejects a write to a table other than metrics: ${refusal.sqlState} ${redacted(refusal)}`,
    "Look for constraints, triggers and columns of nodes and sink_offsets that the migrations did not create, then restart the sink",
    { cause: refusal },
  );
