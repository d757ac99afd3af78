import { finished } from "node:stream/promises";
import type { PgClient } from "@fiberstream/postgres/pool";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { from as copyFrom } from "pg-copy-streams";
import { COPY_HEADER, COPY_TRAILER } from "../tuples/tuple-slab.ts";

/**
 * Sends rows by a complete COPY: `sql` is the COPY statement, `rows` what stands between the format's
 * header and trailer. `rows` may be overwritten once this has returned or thrown: what the socket still
 * holds after an error the server throws away.
 * An error that is not the server's leaves open what the server will still answer, and an answer to COPY that
 * meets another query ends the process: the connection is closed.
 * @throws what the server or the network says, as it came
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
