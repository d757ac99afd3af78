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
import { FatalError } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import { columnNames, quoted, type TableLayout } from "../tuples/table-layout.ts";
import { createTupleSlab } from "../tuples/tuple-slab.ts";
import { createTupleWriter } from "../tuples/tuple-writer.ts";
import { copyRows } from "./copy-rows.ts";
import { undone } from "./savepoint.ts";

/**
 * Finds out, in a transaction that the caller has begun, whether the table takes a row that is known to be good. Nothing
 * of it stays.
 * @throws {TransientError}
 * @throws {FatalError} when it takes none: the table is at fault, whatever the rows are
 */
export type TryCanary = (client: PgClient) => Promise<void>;

/**
 * Two canary rows are tried. The schema's example goes the way of all rows, and meets what is wrong with that way, too. Where
 * a constraint of somebody else's does not know the example (its tenant, its node), a row that is stored is inserted once
 * more, as another event.
 */
export function createTryCanary(layout: TableLayout): TryCanary {
  const columns = columnNames(layout);
  const copySql = `COPY metrics (${columns.join(", ")}) FROM STDIN (FORMAT binary)`;
  const insertAgain = insertAgainOf(columns);

  return async (client) => {
    try {
      await undone(client, () => copyRows(client, copySql, exampleOf(layout)));
    } catch (error) {
      const refusal = possibleRefusal(error);
      if (refusal === undefined || refusal.sqlState === PROTOCOL_VIOLATION) throw faultIn(error);
      const isTaken = await undone(client, async () => {
        const { rowCount } = await client.query(insertAgain);
        return rowCount === 1;
      }).catch((later: unknown) => {
        throw faultIn(later);
      });
      if (!isTaken) throw faultIn(error);
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
      `PostgreSQL refuses every row: ${sqlState} ${redacted(error)}`,
      CHANGED_TYPES.advice,
      { cause: error },
    );
  }
  if (!(failure instanceof RowRefusedError)) return failure;
  return new FatalError(
    `PostgreSQL refuses every row: ${sqlState} ${redacted(error)}`,
    "Look for constraints, triggers and columns of metrics that are not of the migrations, then start the sink again",
    { cause: error },
  );
}

// Any of them: to find the newest all of a chunk would be sorted.
const insertAgainOf = (columns: readonly string[]) => `
  INSERT INTO metrics (${columns.join(", ")})
  SELECT ${columns.map((name) => (name === EVENT_ID ? "gen_random_uuid()" : name)).join(", ")}
  FROM metrics LIMIT 1`;

const EVENT_ID = quoted("event_id");
