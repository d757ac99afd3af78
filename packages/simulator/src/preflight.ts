import { createPool, query } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { addressOf } from "@fiberstream/runtime/retry";
import { createGatewayClient } from "./load/gateway-client.ts";
import { codeOf } from "./load/read-answer.ts";

/** The gateway or the database does not answer. The message names its address, and what to do. */
class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/**
 * Checks that the gateway answers.
 * @returns a warning if the gateway cannot accept events now
 * @throws {UnavailableError} when it does not answer
 */
export async function checkGateway(url: URL): Promise<string | undefined> {
  const client = createGatewayClient({ url, connections: 1, timeoutMs: 5_000 });
  try {
    const { status, body } = await client.get("/api/status");
    if (status === 200) return undefined;
    return `the gateway at ${url.origin} cannot accept events now: ${status} ${body.trim()}`;
  } catch (error) {
    throw new UnavailableError(
      `no gateway answers at ${url.origin} (${codeOf(error)}). ` +
        "Start FiberStream with npm start, or set the gateway's address with --url",
      { cause: error },
    );
  } finally {
    client.close();
  }
}

/** @throws {UnavailableError} */
export async function checkTable(databaseUrl: string): Promise<void> {
  const log = createLog({ service: "simulator", level: "silent", format: "json" });
  const pool = createPool({
    databaseUrl,
    applicationName: "fiberstream-simulator",
    maxConnections: 1,
    log,
  });
  try {
    await query(pool, "SELECT FROM metrics LIMIT 1");
  } catch (error) {
    throw new UnavailableError(
      `--verify cannot read the table metrics at ${addressOf(databaseUrl)}: ` +
        `${messageOf(error)} (set its address with DATABASE_URL)`,
      { cause: error },
    );
  } finally {
    await pool.end();
  }
}
