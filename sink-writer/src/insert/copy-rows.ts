import { finished } from "node:stream/promises";
import type { PgClient } from "@fiberstream/postgres/pool";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { from as copyFrom } from "pg-copy-streams";
import { COPY_HEADER, COPY_TRAILER } from "../tuples/tuple-slab.ts";

/**
 * Sends rows by a complete COPY. The caller may overwrite `rows` once this has returned or thrown: after an error the
 * server discards what the socket still sends.
 * After an error that is not the server's, the server may still answer the COPY. That answer would arrive during another
 * query and end the process, so the connection is closed.
 * @param sql the COPY statement
 * @param rows the bytes between the format's header and trailer
 * @throws the server's or the network's error, unchanged
 */
export async function copyRows(client: PgClient, sql: string, rows: Buffer): Promise<void> {
  const stream = client.query(copyFrom(sql));
  stream.write(COPY_HEADER);
  stream.write(rows);
  stream.end(COPY_TRAILER);
  try {
    await finished(stream);
  } catch (error) {
    if (sqlStateOf(error) === undefined) client.connection.stream.destroy();
    throw error;
  }
}
