import type { ServerMetadata } from "openid-client";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";

/** What a provider's logout token says: whose sessions end. */
export type Logout = {
  readonly issuer: string;
  readonly jti: string;
  readonly subject: string | undefined;
  /** Of one session at the provider; undefined: all of the person. */
  readonly sid: string | undefined;
  readonly issuedAtMs: number;
  /** After which a replay is rejected because of its age. */
  readonly expiresAtMs: number;
};

/** The token is not one that ends sessions. */
export class LogoutTokenError extends Error {
  override readonly name = "LogoutTokenError";
}

/**
 * Checks a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6), except that its `jti` is new.
 * @throws {LogoutTokenError}
 * @throws what fetch throws, when the provider's keys cannot be read
 */
export type CheckLogoutToken = (token: string, server: ServerMetadata) => Promise<Logout>;

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** The standard wants two minutes at most; a provider may have to repeat its request. */
const MAX_AGE_SECONDS = 300;
const MAX_TOKEN_CHARACTERS = 16_000;
const MS_PER_SECOND = 1_000;

const CLAIMS = z.object({
  iss: z.string(),
  jti: z.string().min(1).max(255),
  iat: z.number(),
  exp: z.number(),
  sub: z.string().min(1).max(255).optional(),
  sid: z.string().min(1).max(255).optional(),
  events: z.object({ [EVENT]: z.object({}) }),
  // An ID token has one: it must not pass as a logout token.
  nonce: z.undefined().optional(),
});

export function createCheckLogoutToken(options: {
  clientId: string;
  clockToleranceSeconds: number;
  timeoutMs: number;
}): CheckLogoutToken {
  const { clientId, clockToleranceSeconds, timeoutMs } = options;
  let keys:
    { readonly uri: string; readonly set: ReturnType<typeof createRemoteJWKSet> } | undefined;

  // Unknown key ids make it read the keys again, at most every 30 s.
  const keysAt = (uri: string) => {
    if (keys?.uri !== uri) {
      keys = { uri, set: createRemoteJWKSet(new URL(uri), { timeoutDuration: timeoutMs }) };
    }
    return keys.set;
  };

  return async (token, server) => {
    if (token.length > MAX_TOKEN_CHARACTERS) throw new LogoutTokenError("it is too long");
    if (server.jwks_uri === undefined) throw new LogoutTokenError("the provider has no keys");
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keysAt(server.jwks_uri), {
        issuer: server.issuer,
        audience: clientId,
        algorithms: signingAlgorithms(server),
        clockTolerance: clockToleranceSeconds,
        maxTokenAge: MAX_AGE_SECONDS,
      });
      // Older providers send JWT or nothing: the event and the missing nonce tell it from other tokens.
      const type = protectedHeader.typ?.toLowerCase() ?? "jwt";
      if (type !== "jwt" && type !== "logout+jwt") throw new LogoutTokenError("its type is wrong");
      return logoutOf(payload, clockToleranceSeconds);
    } catch (error) {
      throw error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)
        ? new LogoutTokenError(error.message, { cause: error })
        : error;
    }
  };
}

/** Neither "none" nor those with a common secret: a logout token needs the provider's key. */
function signingAlgorithms(server: ServerMetadata): string[] {
  const named = server.id_token_signing_alg_values_supported ?? ["RS256"];
  return named.filter((name) => /^(?:RS|PS|ES)\d+$|^EdDSA$|^Ed25519$/.test(name));
}

function logoutOf(payload: unknown, clockToleranceSeconds: number): Logout {
  const result = CLAIMS.safeParse(payload);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new LogoutTokenError(`its claim ${issue?.path[0]?.toString() ?? ""} is wrong or missing`);
  }
  const { iss, jti, iat, exp, sub, sid } = result.data;
  if (sub === undefined && sid === undefined) throw new LogoutTokenError("it names nobody");
  const lastSeconds = Math.min(exp, iat + MAX_AGE_SECONDS) + clockToleranceSeconds;
  return {
    issuer: iss,
    jti,
    subject: sub,
    sid,
    issuedAtMs: iat * MS_PER_SECOND,
    expiresAtMs: lastSeconds * MS_PER_SECOND,
  };
}
