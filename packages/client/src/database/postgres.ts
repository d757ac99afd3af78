import { postgresFailure, sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";

/** The methods of a client of the package pg that are used. */
export type PostgresClient = {
  query: (
    text: string,
    values?: unknown[],
  ) => Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
  release: (error?: Error | boolean) => void;
};

/** The methods of a pool of the package pg that are used. The second signature of connect is only for type inference. */
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
 * Runs `work` in a transaction, which is rolled back when it throws.
 * @throws {TransientError} when a retry may help; otherwise the original error
 */
export async function inTransaction<Client extends PostgresClient, T>(
  pool: PostgresPool<Client>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw failureOf(error);
  });
  let broken: Error | undefined;
  // Between two queries pg has no listener, and an error event without a listener would end the process.
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

/** An error of the handler has no SQLSTATE and is not a lost connection: it must not be retried forever. */
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
/** pg's messages for lost connections without a code. */
const MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|timeout expired)/;

function isConnectionLost(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isConnectionLost);
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return CODES.has(String(code)) || MESSAGES.test(messageOf(error));
}
