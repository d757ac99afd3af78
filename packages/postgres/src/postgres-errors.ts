import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";

/** PostgreSQL refuses a row's values: the record's own fault, not the world's. */
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
/** Of COPY: a value is shorter than its column's type. Of a proxy such as PgBouncer: whatever it does not do. */
export const PROTOCOL_VIOLATION = "08P01";

/**
 * What an error of the database client means, by its SQLSTATE (PostgreSQL manual, appendix A):
 * the whole code first, then its class. Without one, the connection failed.
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
    return new FatalError(`PostgreSQL's proxy refuses: ${sqlState} ${message}`, PROXY_ADVICE, {
      cause: error,
    });
  }
  const verdict = verdictOn(sqlState);
  if (verdict === "transient" || verdict === "unlisted") {
    return new TransientError("postgres", `${sqlState} ${message}`, { cause: error });
  }
  if (verdict === "row") return new RowRefusedError(sqlState, message, { cause: error });
  return new FatalError(`PostgreSQL refuses: ${sqlState} ${message}`, verdict.advice, {
    cause: error,
  });
}

/**
 * Whether a row may be what PostgreSQL refuses: it says so of the row's values, or says what is in no table here (a limit
 * that a row breaks, a trigger's own exception). Then it is the row if it fails alone while others are taken.
 * @returns undefined when it is not a row's fault
 */
export function possibleRefusal(error: unknown): RowRefusedError | undefined {
  if (error instanceof RowRefusedError) return error;
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) return undefined;
  const verdict = verdictOn(sqlState);
  if (verdict !== "row" && verdict !== "unlisted") return undefined;
  return new RowRefusedError(sqlState, messageOf(error), { cause: error });
}

/** The SQLSTATE of whatever was thrown; undefined when it is not PostgreSQL's word. */
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
  "Take options out of DATABASE_URL, or let PgBouncer pass them over (ignore_startup_parameters)";

export const CHANGED_TYPES = {
  advice: "The table's types changed while the rows were made for others. Restart the sink",
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
  // Only a COPY's structure is at fault here, not a value: another type, more or fewer columns.
  "22P03": CHANGED_TYPES,
  "22P04": CHANGED_TYPES,
  "2200H": "transient", // a sequence of the session's own is used up
  "42501": { advice: "Grant this user the tables that it writes" },
};
