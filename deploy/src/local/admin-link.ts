import { hash, randomBytes } from "node:crypto";
import { inTransactionAs } from "@fiberstream/postgres/acting";
import { createPool, query } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";

/** Whoever can read the terminal can read the database's password, too. */
const VALID_HOURS = 24;

/**
 * Makes a link with which a person signs in at the console once, as the local admin of this start.
 * @param options.consoleUrl where browsers reach the console
 */
export async function createAdminLink(options: {
  databaseUrl: string;
  consoleUrl: string;
}): Promise<string> {
  const { databaseUrl, consoleUrl } = options;
  const code = randomBytes(32).toString("base64url");
  const pool = createPool({
    databaseUrl,
    applicationName: "npm start",
    maxConnections: 1,
    log: createLog({ service: "local", level: "error", format: "auto" }),
  });
  try {
    await inTransactionAs(pool, { kind: "system", id: "npm start" }, async (client) => {
      const [user] = await query<{ user_id: string }>(client, ADMIN);
      await query(client, GRANT, [user?.user_id]);
      await query(client, LINK, [hash("sha256", code, "buffer"), user?.user_id, VALID_HOURS]);
    });
  } finally {
    await pool.end();
  }
  return `${consoleUrl}/sign-in/link?code=${code}`;
}

const ADMIN = `
  INSERT INTO users AS known (kind, name) VALUES ('local', 'admin')
  ON CONFLICT (lower(name)) WHERE kind = 'local' DO UPDATE SET name = known.name
  RETURNING user_id`;
const GRANT = "INSERT INTO grants (user_id, role) VALUES ($1, 'admin') ON CONFLICT DO NOTHING";
const LINK = `
  INSERT INTO one_time_links (link_sha256, user_id, expires_at) VALUES ($1, $2, now() + make_interval(hours => $3))`;
