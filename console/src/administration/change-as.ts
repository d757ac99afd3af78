import { AccessFault, type FaultKind } from "@fiberstream/access/access-fault";
import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import type { PgClient, PgPool } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import type { Code } from "../answers/codes.ts";
import { Refusal } from "../answers/refusal.ts";
import { refusalOf } from "../questions/ask.ts";

/**
 * Changes something in one transaction, whose entries in the audit log name the asker.
 * @throws {Refusal} what `work` throws, and DATABASE_UNAVAILABLE, TOO_SLOW
 */
export type ChangeAs = <T>(
  asker: { readonly actor: Actor },
  work: (client: PgClient) => Promise<T>,
) => Promise<T>;

export const createChangeAs =
  (pool: PgPool): ChangeAs =>
  async (asker, work) => {
    let thrown: unknown;
    try {
      return await inTransactionAs(pool, asker.actor, async (client) => {
        try {
          return await work(client);
        } catch (error) {
          thrown = error;
          throw error;
        }
      });
    } catch (error) {
      // The transaction turns errors that are not of the database into one of it, with the true one as its cause.
      const isOwn = error instanceof TransientError && error.cause === thrown;
      throw refusalOf(translated(isOwn ? thrown : error));
    }
  };

const CODES = {
  missing: "NO_SUCH_OBJECT",
  state: "WRONG_STATE",
  "nodes-of-another-tenant": "NODES_TAKEN",
  taken: "NAME_TAKEN",
  "last-admin": "LAST_ADMIN",
} as const satisfies Record<FaultKind, Code>;

const translated = (error: unknown): unknown =>
  error instanceof AccessFault ? new Refusal(CODES[error.kind], error.message) : error;
