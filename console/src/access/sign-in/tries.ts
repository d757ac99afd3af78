import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { Refusal } from "../../answers/refusal.ts";

/** By whom tries are counted. */
export type TrySubject = {
  readonly kind: "account" | "address" | "device";
  readonly subject: string;
};

/** Counts tries to sign in, and slows down who fails again and again. */
export type Tries = {
  /**
   * Counts a try as failed before it is looked at, so that tries that come at once cannot be more than those one after the other.
   * @returns those who are locked out from now on, unless this one succeeds
   * @throws {Refusal} TOO_MANY_TRIES when one of them is locked out
   */
  readonly begin: (by: readonly TrySubject[]) => Promise<readonly TrySubject[]>;
  /** The try has succeeded: an address has one failure less, an account or browser none any more. */
  readonly succeed: (by: readonly TrySubject[]) => Promise<void>;
  /**
   * The try was right as far as it went, and says nothing about those before it: it alone does not count.
   * @param lockedOut what `begin` returned for it: the lock is its own, and goes with it
   */
  readonly withdraw: (by: readonly TrySubject[], lockedOut: readonly TrySubject[]) => Promise<void>;
};

/** Five tries a minute; then a minute without, two, four, and so on up to a quarter of an hour. */
const FREE_TRIES = 5;
const FIRST_LOCK_SECONDS = 60;
const MAX_LOCK_SECONDS = 900;
/** After so long without a failure they are forgotten. */
const FORGET_AFTER = "interval '1 hour'";

/** Codes are counted apart from passwords: only a right code makes up for wrong ones. */
export const codesOf = (userId: string): TrySubject => ({
  kind: "account",
  subject: `codes ${userId}`,
});

type Row = {
  subject_kind: TrySubject["kind"];
  subject: string;
  locked_s: number;
  failures: number;
};

export const createTries = ({ pool }: { pool: PgPool }): Tries => ({
  begin: async (by) => {
    const { lockedS, counted } = await inTransaction(pool, (client) => countTry(client, by));
    if (lockedS > 0) throw tooMany(lockedS);
    return counted
      .filter((row) => row.failures >= FREE_TRIES)
      .map((row) => ({ kind: row.subject_kind, subject: row.subject }));
  },
  succeed: async (by) => {
    await query(pool, SUCCEED, columnsOf(by));
  },
  withdraw: async (by, lockedOut) => {
    await query(pool, WITHDRAW, [...columnsOf(by), lockedOut.map(({ subject }) => subject)]);
  },
});

const columnsOf = (by: readonly TrySubject[]) => [
  by.map(({ kind }) => kind),
  by.map(({ subject }) => subject),
];

async function countTry(client: PgClient, by: readonly TrySubject[]) {
  const subjects = columnsOf(by);
  const lockedFor = async () =>
    Math.max(0, ...(await query<Row>(client, LOCK, subjects)).map((row) => row.locked_s));
  // Before rows are made: a try that is not looked at adds none.
  const lockedS = await lockedFor();
  if (lockedS > 0) return { lockedS, counted: [] };
  await query(client, FORGET);
  await query(client, ADD, subjects);
  const lockedMeanwhileS = await lockedFor();
  if (lockedMeanwhileS > 0) return { lockedS: lockedMeanwhileS, counted: [] };
  return { lockedS: 0, counted: await query<Row>(client, COUNT, subjects) };
}

function tooMany(lockedS: number): Refusal {
  const seconds = Math.ceil(lockedS);
  return new Refusal(
    "TOO_MANY_TRIES",
    `too many tries have failed: wait ${seconds} s. A browser that you have signed in with before may not have to wait, and an admin can make you a one-time link`,
    { headers: { "Retry-After": String(seconds) } },
  );
}

/** All rows of a statement in one order, so that two tries never wait for each other. */
const GIVEN = "unnest($1::text[], $2::text[]) AS given (subject_kind, subject)";
const ADD = `
  INSERT INTO sign_in_failures (subject_kind, subject, failures, last_at, locked_until)
  SELECT subject_kind, subject, 0, now(), now() FROM ${GIVEN} ORDER BY subject_kind, subject
  ON CONFLICT DO NOTHING`;
const LOCK = `
  SELECT subject_kind, subject, failures, extract(epoch FROM locked_until - now())::double precision AS locked_s
  FROM sign_in_failures WHERE (subject_kind, subject) IN (SELECT * FROM ${GIVEN})
  ORDER BY subject_kind, subject FOR UPDATE`;
const COUNT = `
  UPDATE sign_in_failures AS known SET
    failures = counted.failures, last_at = now(),
    locked_until = CASE
      WHEN counted.failures < ${FREE_TRIES} THEN now()
      ELSE now() + least(${MAX_LOCK_SECONDS}, ${FIRST_LOCK_SECONDS} * 2.0 ^ least(10, counted.failures - ${FREE_TRIES})) * interval '1 s'
    END
  FROM (
    SELECT subject_kind, subject, CASE WHEN last_at < now() - ${FORGET_AFTER} THEN 1 ELSE failures + 1 END AS failures
    FROM sign_in_failures WHERE (subject_kind, subject) IN (SELECT * FROM ${GIVEN})
  ) AS counted
  WHERE (known.subject_kind, known.subject) = (counted.subject_kind, counted.subject)
  RETURNING known.subject_kind, known.subject, known.failures, 0 AS locked_s`;
/** Somebody with an account of their own must not be able to try passwords of others between two sign-ins. */
const SUCCEED = `
  UPDATE sign_in_failures SET
    failures = CASE subject_kind WHEN 'address' THEN greatest(0, failures - 1) ELSE 0 END, locked_until = now()
  WHERE (subject_kind, subject) IN (SELECT * FROM ${GIVEN})`;
const WITHDRAW = `
  UPDATE sign_in_failures SET
    failures = greatest(0, failures - 1),
    locked_until = CASE WHEN subject = ANY ($3::text[]) THEN now() ELSE locked_until END
  WHERE (subject_kind, subject) IN (SELECT * FROM ${GIVEN})`;
const FORGET = `
  DELETE FROM sign_in_failures WHERE (subject_kind, subject) IN (
    SELECT subject_kind, subject FROM sign_in_failures
    WHERE last_at < now() - ${FORGET_AFTER} LIMIT 100 FOR UPDATE SKIP LOCKED)`;
