import { type PgPool, query } from "@fiberstream/postgres/pool";
import { LRUCache } from "lru-cache";
import type { Authenticate } from "../access/authenticate.ts";
import type { OwnOrigin } from "../access/own-origin.ts";
import { PERSON_COLUMNS, type PersonRow } from "../access/people.ts";
import { type From, type Reader, readerOf, rightsOf } from "../access/reader.ts";
import { asked } from "../questions/ask.ts";
import type { GrantsFile } from "./grants-file.ts";
import { grantsOf } from "./grants-of-groups.ts";
import type { RecordPerson } from "./people.ts";
import type { Named, ReadNamed } from "./trusted-proxy.ts";

/** The issuer of accounts of people whom a proxy names. */
export const PROXY_ISSUER = "proxy";

/** People in memory: the account and its grants are written once for each of these times, not with each request. */
const MAX_PEOPLE = 10_000;

/**
 * Returns whom a trusted proxy names; undefined if the request names nobody.
 * @throws {Refusal} PROXY_NOT_TRUSTED, SIGN_IN_REFUSED, ORIGIN_NOT_ALLOWED
 */
export type ReaderOfProxy = (
  from: From,
  options: { readonly isChange: boolean },
) => Promise<Reader | undefined>;

/** @param options.maxAgeMs for how long a person is known without asking the database */
export function createReaderOfProxy(options: {
  pool: PgPool;
  readNamed: ReadNamed;
  grantsFile: GrantsFile;
  recordPerson: RecordPerson;
  ownOrigin: OwnOrigin;
  maxAgeMs: number;
}): ReaderOfProxy {
  const { pool, readNamed, grantsFile, recordPerson, ownOrigin, maxAgeMs } = options;
  const known = new LRUCache<string, Promise<Reader>>({
    max: MAX_PEOPLE,
    ttl: Math.max(1, maxAgeMs),
  });

  const look = async ({ user, groups }: Named, from: From): Promise<Reader> => {
    const userId = await recordPerson({
      issuer: PROXY_ISSUER,
      subject: user,
      name: user,
      grants: grantsOf(groups, await grantsFile.read()),
      from,
    });
    const [person] = await asked(query<PersonRow>(pool, READ, [userId]));
    if (person === undefined) throw new Error("the account of a person is gone");
    const { name, grants } = person;
    return readerOf(
      { id: userId, kind: "user", userId, actor: { kind: "user", id: userId, name } },
      rightsOf(grants),
    );
  };

  return (from, { isChange }) => {
    const named = readNamed(from);
    if (named === undefined) return Promise.resolve(undefined);
    // The browser shows its cookie of the proxy to each page that sends it here.
    if (isChange) ownOrigin.require(from.headers);
    const key = JSON.stringify([named.user, named.groups.toSorted()]);
    const cached = known.get(key);
    if (cached !== undefined) return cached;
    const looking = look(named, from);
    known.set(key, looking);
    looking.catch(() => {
      if (known.peek(key) === looking) known.delete(key);
    });
    return looking;
  };
}

const READ = `SELECT ${PERSON_COLUMNS} FROM users WHERE user_id = $1`;

/** Asks the proxies first: a request that a proxy has signed names nobody else. */
export const behindProxies =
  (readerOfProxy: ReaderOfProxy | undefined, next: Authenticate): Authenticate =>
  async (credentials) =>
    (await readerOfProxy?.(credentials, credentials)) ?? next(credentials);
