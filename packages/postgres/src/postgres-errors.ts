import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";

/** PostgreSQL rejects a row's values: an error of the record, not of a dependency. */
export class RowRefusedError extends Error {
  override readonly name = "RowRefusedError";
  /** Five characters, e.g. 22021. */
  readonly sqlState: string;

  constructor(sqlState: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.sqlState = sqlState;
  }
}

export const UNIQUE_VIOLATION = "23505";
/** From COPY: a value is shorter than its column's type. From a proxy such as PgBouncer: anything it does not support. */
export const PROTOCOL_VIOLATION = "08P01";

/**
 * Classifies an error of the database client by its SQLSTATE (PostgreSQL manual, appendix A): first by the whole
 * code, then by its class. Without a SQLSTATE, the connection failed.
 */
export function postgresFailure(error: unknown): TransientError | FatalError | RowRefusedError {
  if (
    error instanceof TransientError ||
    error instanceof FatalError ||
    error instanceof RowRefusedError
  ) {
    return error;
  }
  const sqlState = sqlStateOf(error);
  const message = messageOf(error);
  if (sqlState === undefined) return new TransientError("postgres", message, { cause: error });
  if (sqlState === PROTOCOL_VIOLATION && STARTUP_REFUSED.test(message)) {
    return new FatalError(
      `the proxy in front of PostgreSQL rejects the connection: ${sqlState} ${message}`,
      PROXY_ADVICE,
      {
        cause: error,
      },
    );
  }
  const verdict = verdictOn(sqlState);
  if (verdict === "transient" || verdict === "unlisted") {
    return new TransientError("postgres", `${sqlState} ${message}`, { cause: error });
  }
  if (verdict === "row") return new RowRefusedError(sqlState, message, { cause: error });
  return new FatalError(
    `PostgreSQL rejects the statement: ${sqlState} ${message}`,
    verdict.advice,
    {
      cause: error,
    },
  );
}

/**
 * Whether a row may be the cause of an error: a SQLSTATE about a row's values, or one that is not in VERDICTS (a limit
 * that the row exceeds, a trigger's exception). The row is the cause if it fails alone while others are accepted.
 * @returns undefined when a row is not the cause
 */
export function possibleRefusal(error: unknown): RowRefusedError | undefined {
  if (error instanceof RowRefusedError) return error;
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) return undefined;
  const verdict = verdictOn(sqlState);
  if (verdict !== "row" && verdict !== "unlisted") return undefined;
  return new RowRefusedError(sqlState, messageOf(error), { cause: error });
}

/** The SQLSTATE of an error; undefined if PostgreSQL did not send it. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof RowRefusedError) return error.sqlState;
  const code =
    typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

type Verdict = "transient" | "row" | "unlisted" | { readonly advice: string };

const verdictOn = (sqlState: string): Verdict =>
  VERDICTS[sqlState] ?? VERDICTS[sqlState.slice(0, 2)] ?? "unlisted";

const MIGRATE = { advice: "Run the migrations of this version (npm run deploy:migrate)" };
const CREDENTIALS = { advice: "Check user, password and database in DATABASE_URL" };

const STARTUP_REFUSED = /unsupported startup parameter/;
const PROXY_ADVICE =
  "Remove the options from DATABASE_URL, or let PgBouncer ignore them (ignore_startup_parameters)";

export const CHANGED_TYPES = {
  advice: "The types of the table's columns changed while the sink was running. Restart the sink",
};

const VERDICTS: Readonly<Record<string, Verdict>> = {
  "08": "transient", // connection
  [PROTOCOL_VIOLATION]: "unlisted",
  "25": "transient", // read-only after a failover, transaction timed out
  "40": "transient", // deadlock, serialization failure
  "53": "transient", // disk full, out of memory, too many connections
  "55": "transient", // object in use, lock not available
  "57": "transient", // shutdown, cancelled, cannot connect now
  "58": "transient", // system error
  XX: "transient", // internal error
  "22": "row", // data exception
  "23": "row", // integrity constraint
  "28": CREDENTIALS,
  "3D": CREDENTIALS, // no such database
  "42": MIGRATE, // missing table, column or privilege
  "3F": MIGRATE, // no such schema
  // The structure of the COPY is wrong, not a value: another type, more or fewer columns.
  "22P03": CHANGED_TYPES,
  "22P04": CHANGED_TYPES,
  "2200H": "transient", // a sequence of the session is exhausted
  "42501": {
    advice:
      "Grant this user permissions on the table that the message names (npm run deploy:migrate grants them to the services' roles)",
  },
};
