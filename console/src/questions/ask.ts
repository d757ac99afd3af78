import { setTimeout as delay } from "node:timers/promises";
import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import {
  postgresFailure,
  RowRefusedError,
  sqlStateOf,
} from "@fiberstream/postgres/postgres-errors";
import { TransientError } from "@fiberstream/runtime/errors";
import pg from "pg";
import { Refusal } from "../answers/refusal.ts";
import { type Asking, currentAsking } from "./asking.ts";
import type { Statement } from "./statement.ts";

/** @throws {Refusal} INVALID_PARAMETER, TOO_SLOW, DATABASE_UNAVAILABLE, and what `Asking.received` throws */
export type Ask = <Row extends Record<string, unknown>>(statement: Statement) => Promise<Row[]>;

/**
 * How often PostgreSQL looks whether the connection of a running statement is still open (client_connection_check_interval): so
 * long a statement runs on whose asker has left.
 */
export const DISCONNECT_CHECK_MS = 250;

/** Asks the database, and turns its errors into refusals. */
export const createAsk =
  (pool: PgPool): Ask =>
  async <Row extends Record<string, unknown>>(statement: Statement) => {
    try {
      return await ask<Row>(pool, statement, currentAsking() ?? NOBODY);
    } catch (error) {
      throw refusalOf(error);
    }
  };

/** Awaits work with the database that is no statement of a question, and turns its errors into refusals. */
export async function asked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Changes something on behalf of somebody: what is logged names them. It is not cancelled. */
export type Change = (actor: Actor) => Ask;

/** Each statement is a transaction of its own, in which the audit log gets its entries. */
export const createChange =
  (pool: PgPool): Change =>
  (actor) =>
  async <Row extends Record<string, unknown>>({ text, values }: Statement) => {
    try {
      return await inTransactionAs(pool, actor, (client) => query<Row>(client, text, values));
    } catch (error) {
      throw refusalOf(error);
    }
  };

const NOBODY: Asking = { gone: new AbortController().signal, received: () => undefined };

/**
 * Runs a statement. It is stopped by closing its connection, which works through any proxy; the turn at the database is over
 * when the server has noticed.
 */
async function ask<Row extends Record<string, unknown>>(
  pool: PgPool,
  { text, values }: Statement,
  { gone, received }: Asking,
): Promise<Row[]> {
  gone.throwIfAborted();
  const client = await pool.connect().catch((error: unknown) => {
    throw postgresFailure(error);
  });
  let stopped: { readonly reason: unknown } | undefined;
  const stop = (reason: unknown) => {
    if (stopped !== undefined) return;
    stopped = { reason };
    client.release(true);
  };
  const leave = () => stop(gone.reason);
  gone.addEventListener("abort", leave, { once: true });
  if (gone.aborted) leave();
  const counting = countingTypes((bytes) => {
    try {
      received(bytes);
    } catch (error) {
      stop(error);
    }
  });
  let isFailed = false;
  try {
    const { rows } = await client.query<Row>({ text, values: [...values], types: counting.types });
    counting.end();
    if (stopped === undefined) return rows;
  } catch (error) {
    isFailed = true;
    if (stopped === undefined) throw postgresFailure(error);
  } finally {
    gone.removeEventListener("abort", leave);
    if (stopped === undefined) client.release(isFailed);
  }
  await delay(DISCONNECT_CHECK_MS);
  throw stopped.reason;
}

const COUNTED_AT_ONCE_BYTES = 65_536;

type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

/** The parsers of values, which count what they parse: a character as a byte. */
function countingTypes(received: (bytes: number) => void) {
  let bytes = 0;
  const end = () => {
    received(bytes);
    bytes = 0;
  };
  const getTypeParser = (type: TypeId, format?: "text" | "binary") => {
    const parse = pg.types.getTypeParser(type, format) as (value: string) => unknown;
    return (value: string): unknown => {
      bytes += value.length;
      if (bytes >= COUNTED_AT_ONCE_BYTES) end();
      return parse(value);
    };
  };
  return { types: { getTypeParser }, end };
}

const CANCELLED = "57014";

/** Returns the refusal for an error of the database; other errors are returned as they are. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof RowRefusedError) {
    return new Refusal(
      "INVALID_PARAMETER",
      `a parameter or condition has a value that cannot be computed: ${error.message}`,
    );
  }
  if (!(error instanceof TransientError)) return error;
  // It was thrown in a transaction, which was rolled back.
  if (error.cause instanceof Refusal) return error.cause;
  if (sqlStateOf(error.cause) === CANCELLED) {
    return new Refusal(
      "TOO_SLOW",
      "the database was stopped because it took too long: ask for a shorter time range or fewer nodes",
    );
  }
  return new Refusal("DATABASE_UNAVAILABLE", "the database cannot be asked right now: retry later");
}
