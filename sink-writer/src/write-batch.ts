import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import type { SendDeadLetters } from "./dead-letters.ts";
import { type DeadRecord, decodeBatch } from "./decode-batch.ts";
import type { LandRows } from "./land-rows.ts";
import type { MetricEvent, MetricRow } from "./metric-row.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import type { SinkMetrics } from "./sink-metrics.ts";
import { moveOffset } from "./stored-offsets.ts";

/**
 * The life of a batch: decoded, written as rows, and committed together with where the partition goes on.
 * Either all of it is in the database or nothing; dead letters are acknowledged before.
 *
 * @returns a function that throws TransientError (the batch may be tried again as it is, or from the
 *   stored offset) and FatalError
 */
export function createWriteBatch(means: {
  decoder: RecordDecoder<MetricEvent>;
  pool: PgPool;
  sendDeadLetters: SendDeadLetters;
  landRows: LandRows;
  nodes: NodeKeeper;
  metrics: SinkMetrics;
}): (batch: RecordBatch) => Promise<void> {
  const { decoder, pool, sendDeadLetters, landRows, nodes, metrics } = means;

  return async (batch) => {
    const { rows, dead } = await decodeBatch(decoder, batch);
    await sendDeadLetters(batch, dead, "decode");

    const { landing, landed, remember } = await inTransaction(pool, async (client) => {
      await moveOffset(client, batch);
      const done = await landRows(client, rows);
      await sendDeadLetters(batch, done.refused, "write");
      const stored = without(rows, done.refused);
      return { landing: done, landed: stored, remember: await nodes.keep(client, stored) };
    });

    remember();
    metrics.written({ rows: landed, landing, dead: [...dead, ...landing.refused] });
  };
}

function without(rows: readonly MetricRow[], refused: readonly DeadRecord[]): readonly MetricRow[] {
  if (refused.length === 0) return rows;
  const records = new Set(refused.map(({ record }) => record));
  return rows.filter(({ record }) => !records.has(record));
}
