import { randomUUID } from "node:crypto";
import { redacted } from "@fiberstream/kafka/dead-letter";
import type { PgClient } from "@fiberstream/postgres/pool";
import {
  CHANGED_TYPES,
  postgresFailure,
  possibleRefusal,
  PROTOCOL_VIOLATION,
  RowRefusedError,
} from "@fiberstream/postgres/postgres-errors";
import { quoted } from "@fiberstream/postgres/row-content";
import { FatalError } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import { columnNames, type TableLayout } from "../tuples/table-layout.ts";
import { createTupleSlab } from "../tuples/tuple-slab.ts";
import { createTupleWriter } from "../tuples/tuple-writer.ts";
import { copyRows } from "./copy-rows.ts";
import { rolledBack } from "./savepoint.ts";

/**
 * Checks, in a transaction that the caller has begun, whether the table accepts a row that is known to be good. It
 * rolls the row back.
 * @throws {TransientError}
 * @throws {FatalError} when the table accepts no row: then the table is at fault, not the rows
 */
export type TryCanary = (client: PgClient) => Promise<void>;

/**
 * Returns a function that tries two canary rows. The first is the schema's example, written as all rows are, so that it
 * also finds faults of that code. If a constraint that others added rejects the example (its tenant, its node), the
 * second is a copy of a stored row with another event id.
 */
export function createTryCanary(layout: TableLayout): TryCanary {
  const columns = columnNames(layout);
  const copySql = `COPY metrics (${columns.join(", ")}) FROM STDIN (FORMAT binary)`;
  const insertAgain = insertAgainOf(columns);

  return async (client) => {
    try {
      await rolledBack(client, () => copyRows(client, copySql, exampleOf(layout)));
    } catch (error) {
      const refusal = possibleRefusal(error);
      if (refusal === undefined || refusal.sqlState === PROTOCOL_VIOLATION) throw faultIn(error);
      const isAccepted = await rolledBack(client, async () => {
        const { rowCount } = await client.query(insertAgain);
        return rowCount === 1;
      }).catch((later: unknown) => {
        throw faultIn(later);
      });
      if (!isAccepted) throw faultIn(error);
    }
  };
}

function exampleOf(layout: TableLayout): Buffer {
  const schema = readAvroSchema("EnrichedProbeMetric");
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const write = createTupleWriter({ writerType: type, readerType: type, layout });
  const nowMicros = wallNowMs() * 1_000;
  const avro = type.toBuffer({
    ...Object.fromEntries(schema.fields.map(({ name, example }) => [name, example])),
    event_id: randomUUID(),
    timestamp: nowMicros,
    received_at: nowMicros,
  });
  const slab = createTupleSlab({ initialBytes: avro.length });
  write?.(avro, 0, avro.length, slab);
  return slab.bytes.subarray(0, slab.at);
}

function faultIn(error: unknown): Error {
  const failure = postgresFailure(error);
  const sqlState = possibleRefusal(error)?.sqlState;
  if (sqlState === PROTOCOL_VIOLATION) {
    return new FatalError(
      `PostgreSQL rejects every row: ${sqlState} ${redacted(error)}`,
      CHANGED_TYPES.advice,
      { cause: error },
    );
  }
  if (!(failure instanceof RowRefusedError)) return failure;
  return new FatalError(
    `PostgreSQL rejects every row: ${sqlState} ${redacted(error)}`,
    "Look for constraints, triggers and columns of metrics that the migrations did not create, then restart the sink",
    { cause: error },
  );
}

// Any row: finding the newest would sort a whole chunk.
const insertAgainOf = (columns: readonly string[]) => `
  INSERT INTO metrics (${columns.join(", ")})
  SELECT ${columns.map((name) => (name === EVENT_ID ? "gen_random_uuid()" : name)).join(", ")}
  FROM metrics LIMIT 1`;

const EVENT_ID = quoted("event_id");
