import { createKeyTable } from "@fiberstream/access/key-table";
import { createPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";

/**
 * Creates an API key and returns its token.
 * @param key.ratePerSecond events per second; default: a limit that is never reached
 */
export async function createToken(
  databaseUrl: string,
  key: { tenant: string; ratePerSecond?: number },
): Promise<string> {
  const { tenant, ratePerSecond = 1e9 } = key;
  const log = createLog({ service: "bench", level: "error", format: "json" });
  const pool = createPool({ databaseUrl, applicationName: "bench", maxConnections: 1, log });
  try {
    const { token = "" } = await createKeyTable(pool).create({
      tenant,
      node_pattern: `${tenant}-*`,
      rate_per_second: ratePerSecond,
      burst: ratePerSecond,
      max_nodes: 1_000_000_000,
      requires_signature: false,
      expires_at: null,
      jwt_subject: null,
      note: null,
    });
    return token;
  } finally {
    await pool.end();
  }
}
