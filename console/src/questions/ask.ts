import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { RowRefusedError, sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { TransientError } from "@fiberstream/runtime/errors";
import { Refusal } from "../answers/refusal.ts";
import type { Statement } from "./statement.ts";

/** @throws {Refusal} INVALID_PARAMETER, TOO_SLOW, DATABASE_UNAVAILABLE */
export type Ask = <Row extends Record<string, unknown>>(statement: Statement) => Promise<Row[]>;

/** Asks the database, and turns its errors into refusals. */
export const createAsk =
  (pool: PgPool): Ask =>
  async <Row extends Record<string, unknown>>({ text, values }: Statement) => {
    try {
      return await query<Row>(pool, text, values);
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

/** Changes something on behalf of somebody: what is logged names them. */
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
