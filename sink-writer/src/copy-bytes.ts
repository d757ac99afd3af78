import { finished } from "node:stream/promises";
import type { PgClient } from "@fiberstream/postgres/pool";
import { from as copyFrom } from "pg-copy-streams";

/**
 * Sends a complete COPY in one piece: `sql` is the COPY statement, `bytes` what it reads from STDIN.
 * `bytes` may be overwritten once this has returned or thrown: what the socket still holds after an
 * error the server throws away.
 * @throws what the server or the network says, as it came
 */
export async function copyBytes(client: PgClient, sql: string, bytes: Buffer): Promise<void> {
  const stream = client.query(copyFrom(sql));
  stream.end(bytes);
  await finished(stream);
}
