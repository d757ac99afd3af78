import { once } from "node:events";
import type { Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PgPool } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import { to as copyTo } from "pg-copy-streams";
import { refusalOf } from "../questions/ask.ts";

/** Rows that PostgreSQL has begun to send. */
export type CopiedRows = {
  /**
   * Writes all rows through a stream, and ends `out`; memory stays flat, because the server waits while `out` is full.
   * @param through makes the stream; `rows` counts those that were sent
   * @throws when the database or the stream fails, or `out` is closed; `out` is destroyed then
   */
  readonly writeTo: (out: Writable, through: (rows: () => number) => Transform) => Promise<void>;
};

/**
 * Begins to copy the rows of a query, and waits for the first ones: a query that cannot be run fails here.
 *
 * @param options.query text with literals, because COPY takes no parameters
 * @param options.gone its abort ends the copy; also while a query that finds little has sent no row yet
 * @param options.format of COPY, such as `FORMAT csv, HEADER`
 * @throws {Refusal}
 */
export async function copyOut(options: {
  pool: PgPool;
  query: string;
  format: string;
  maxMs: number;
  gone: AbortSignal | undefined;
}): Promise<CopiedRows> {
  const { pool, query, format, maxMs, gone } = options;
  gone?.throwIfAborted();
  const client = await pool.connect().catch((error: unknown) => {
    throw refusalOf(postgresFailure(error));
  });
  const copy = Object.assign(copyTo(`COPY (${query}) TO STDOUT (${format})`), {
    // Longer than the server's own limit, which says why it ends.
    query_timeout: maxMs + 5_000,
  });
  // Its errors are thrown by whoever reads it; without a listener, one that comes late would end the process.
  copy.on("error", () => undefined);
  const release = () => {
    // The client sets this to clear the timer of its query_timeout, and the library does not call it.
    (copy as { callback?: () => void }).callback?.();
    // The connection is closed: the server may still be sending rows that nobody reads.
    client.release(true);
  };
  try {
    client.query(copy);
    await once(copy, "readable", { ...(gone !== undefined && { signal: gone }) });
  } catch (error) {
    release();
    gone?.throwIfAborted();
    throw refusalOf(postgresFailure(error));
  }
  return {
    writeTo: async (out, through) => {
      try {
        await pipeline(
          copy,
          through(() => copy.rowCount),
          out,
        );
      } finally {
        release();
      }
    },
  };
}
