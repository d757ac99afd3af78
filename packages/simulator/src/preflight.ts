import { createPool, query } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { addressOf } from "@fiberstream/runtime/retry";
import { createGatewayClient } from "./load/gateway-client.ts";
import { codeOf } from "./load/read-answer.ts";

/** A part that a simulation needs does not answer; the message says which, where, and what to do. */
export class NotThereError extends Error {
  override readonly name = "NotThereError";
}

/** @returns a warning when the gateway is there but says that it cannot accept events @throws {NotThereError} */
export async function askGateway(url: URL): Promise<string | undefined> {
  const client = createGatewayClient({ url, connections: 1, timeoutMs: 5_000 });
  try {
    const { status, body } = await client.get("/api/status");
    if (status === 200) return undefined;
    return `the gateway at ${url.origin} says that it is not well: ${status} ${body.trim()}`;
  } catch (error) {
    throw new NotThereError(
      `no gateway answers at ${url.origin} (${codeOf(error)}). ` +
        "Start the platform with npm start, or say where the gateway is with --url",
      { cause: error },
    );
  } finally {
    client.close();
  }
}

/** @throws {NotThereError} */
export async function askTable(databaseUrl: string): Promise<void> {
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
    throw new NotThereError(
      `--verify cannot read the table metrics at ${addressOf(databaseUrl)}: ` +
        `${messageOf(error)} (DATABASE_URL says where it is)`,
      { cause: error },
    );
  } finally {
    await pool.end();
  }
}
