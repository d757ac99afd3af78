import { type AuditEntry, appendEntry, inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
import type { From } from "../access/reader.ts";
import { Refusal } from "../answers/refusal.ts";
import { refusalOf } from "../questions/ask.ts";
import type { GroupGrant } from "./grants-file.ts";

/** A person whom an identity provider has signed in. */
export type ProvedPerson = {
  readonly issuer: string;
  /** The person's id at the issuer, which never changes. */
  readonly subject: string;
  readonly name: string;
  /** Of the person's groups, as of now. */
  readonly grants: readonly GroupGrant[];
  readonly from: From;
};

/**
 * Makes the person's account at their first sign-in; afterwards updates the name, and the grants that come from groups.
 * @returns the id of the account
 * @throws {Refusal} SIGN_IN_REFUSED for a person without a grant, or who is disabled; the account is kept all the same, so
 *   that an admin can give a grant
 */
export type RecordPerson = (person: ProvedPerson) => Promise<string>;

export const createRecordPerson =
  (pool: PgPool): RecordPerson =>
  async (person) => {
    const { address, requestId } = person.from;
    const actor = { kind: "service", id: "identity-provider", address, requestId } as const;
    const recorded = await inTransactionAs(pool, actor, async (client) => {
      const account = await upsert(client, person);
      const grants = await replaceGrants(client, account.user_id, person.grants);
      const refusal = account.is_disabled ? DISABLED : grants === 0 ? WITHOUT_GRANT : undefined;
      if (refusal !== undefined) await appendEntry(client, deniedEntry(account.user_id, refusal));
      return { userId: account.user_id, refusal };
    }).catch((error: unknown) => {
      // Together with those that an admin gave, they are more than the table takes.
      throw error instanceof RowRefusedError
        ? new Refusal("SIGN_IN_REFUSED", TOO_MANY_GRANTS)
        : refusalOf(error);
    });
    if (recorded.refusal !== undefined) throw new Refusal("SIGN_IN_REFUSED", recorded.refusal);
    return recorded.userId;
  };

const DISABLED = "your account is disabled: ask an admin";
const WITHOUT_GRANT =
  "none of your groups has a grant here: ask an admin for a grant, or to be put into a group that has one";

const TOO_MANY_GRANTS = "you have more than 100 grants, by your groups and by admins: ask an admin";

const deniedEntry = (userId: string, reason: string): AuditEntry => ({
  action: "user.sign_in_failed",
  objectKind: "user",
  object: userId,
  outcome: "denied",
  reason,
});

type Account = { readonly user_id: string; readonly is_disabled: boolean };

/** Locks the account until the end of the transaction: sign-ins of one person follow each other. */
async function upsert(client: PgClient, { issuer, subject, name }: ProvedPerson): Promise<Account> {
  const [account] = await query<Account>(client, UPSERT, [issuer, subject, name]);
  if (account === undefined) throw new Error("the account was neither made nor found");
  return account;
}

const UPSERT = `
  INSERT INTO users (kind, issuer, subject, name) VALUES ('oidc', $1, $2, $3)
  ON CONFLICT (issuer, subject) WHERE kind = 'oidc' DO UPDATE SET name = excluded.name
  RETURNING user_id, disabled_at IS NOT NULL AS is_disabled`;

/** @returns how many grants the person has now, with those that an admin has given */
async function replaceGrants(client: PgClient, userId: string, grants: readonly GroupGrant[]) {
  const values = [
    userId,
    grants.map(({ role }) => role),
    grants.map(({ tenant }) => tenant),
    grants.map(({ nodes }) => nodes),
  ];
  // Only what differs: an unchanged grant is no entry of the audit log.
  await query(client, REMOVE, values);
  await query(client, ADD, values);
  const [counted] = await query<{ count: number }>(client, COUNT, [userId]);
  return counted?.count ?? 0;
}

const WANTED = "SELECT * FROM unnest($2::text[], $3::text[], $4::text[])";
const REMOVE = `
  DELETE FROM grants
  WHERE user_id = $1 AND source = 'oidc' AND (role, tenant, node_pattern) NOT IN (${WANTED})`;
const ADD = `
  INSERT INTO grants (user_id, role, tenant, node_pattern, source)
  SELECT $1, role, tenant, node_pattern, 'oidc'
  FROM (
    ${WANTED} EXCEPT SELECT role, tenant, node_pattern FROM grants WHERE user_id = $1 AND source = 'oidc'
  ) AS added (role, tenant, node_pattern)`;
const COUNT = "SELECT count(*)::integer AS count FROM grants WHERE user_id = $1";
