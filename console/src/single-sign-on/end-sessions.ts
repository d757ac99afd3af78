import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Sessions } from "../access/sessions.ts";
import { asked } from "../questions/ask.ts";
import type { EndSessions } from "./backchannel-logout.ts";

/** Rows of used tokens that one logout deletes, at most. */
const MAX_DELETED = 100;

/**
 * Ends the sessions that a token names, once. The token is remembered after that: if the console dies in between, the provider
 * can send it again.
 */
export const createEndSessions =
  (options: { pool: PgPool; sessions: Sessions }): EndSessions =>
  async ({ issuer, jti, subject, sid, expiresAtMs }) => {
    const { pool, sessions } = options;
    const used = await asked(query(pool, FIND, [issuer, jti]));
    if (used.length > 0) return "replayed";
    const ended = await asked(
      sessions.endBySid(
        { issuer, sid, subject },
        {
          actor: { kind: "service", id: "identity-provider" },
          reason: "ended by the identity provider",
        },
      ),
    );
    await asked(query(pool, FORGET, [MAX_DELETED]));
    await asked(query(pool, REMEMBER, [issuer, jti, new Date(expiresAtMs)]));
    return ended;
  };

const FIND = "SELECT jti FROM used_logout_tokens WHERE issuer = $1 AND jti = $2";
const FORGET = `
  DELETE FROM used_logout_tokens
  WHERE (issuer, jti) IN (
    SELECT issuer, jti FROM used_logout_tokens WHERE expires_at < now() LIMIT $1)`;
const REMEMBER = `
  INSERT INTO used_logout_tokens (issuer, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;
