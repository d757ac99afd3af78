import { postgresFailure, sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";

/** What is used of a client of the package pg. */
export type PostgresClient = {
  query: (
    text: string,
    values?: unknown[],
  ) => Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
  release: (error?: Error | boolean) => void;
};

/** What is used of a pool of the package pg; the second form only tells the compiler its client's type. */
export type PostgresPool<Client extends PostgresClient> = {
  connect: {
    (): Promise<Client>;
    (
      callback: (
        error: Error | undefined,
        client: Client | undefined,
        done: (release?: Error | boolean) => void,
      ) => void,
    ): void;
  };
};

/**
 * Runs `work` in a transaction; rolls back when it throws.
 * @throws {TransientError} when trying again may help; else what was thrown
 */
export async function inTransaction<Client extends PostgresClient, T>(
  pool: PostgresPool<Client>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw failureOf(error);
  });
  let broken: Error | undefined;
  // Between two queries nobody else listens, and an error without a listener would end the process.
  const lost = (error: Error) => (broken = error);
  const emitter = client as Partial<Emitter>;
  emitter.on?.("error", lost);
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(lost);
    throw failureOf(error);
  } finally {
    emitter.off?.("error", lost);
    client.release(broken);
  }
}

type Emitter = Record<"on" | "off", (event: "error", listener: (error: Error) => void) => void>;

/** A handler's own mistake has no SQLSTATE and is no lost connection: it must not be tried for ever. */
function failureOf(error: unknown): unknown {
  const isTheDatabases = sqlStateOf(error) !== undefined || isConnectionLost(error);
  const failure = isTheDatabases ? postgresFailure(error) : error;
  return failure instanceof TransientError ? failure : error;
}

const CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
]);
/** How pg says it where it gives no code. */
const MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|timeout expired)/;

function isConnectionLost(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isConnectionLost);
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return CODES.has(String(code)) || MESSAGES.test(messageOf(error));
}
