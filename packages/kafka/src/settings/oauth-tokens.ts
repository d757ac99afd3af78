import { messageOf, TransientError } from "@fiberstream/runtime/errors";

/** The share of a token's lifetime after which a new one is requested, so that it does not expire during the request. */
const USED_SHARE = 0.8;
const TIMEOUT_MS = 5_000;

/**
 * Requests tokens for SASL/OAUTHBEARER with OAuth 2.0 client credentials (RFC 6749, 4.4). All connections share one token
 * while it is valid.
 *
 * @returns a function that throws TransientError if it gets no token; no message has the secret
 */
export function createTokenSource(options: {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope?: string | undefined;
  /** A monotonic clock, in ms. */
  nowMs?: () => number;
}): () => Promise<{ value: string }> {
  const { tokenUrl, scope, nowMs = () => performance.now() } = options;
  let cached: { value: string; untilMs: number } | undefined;
  let asking: Promise<{ value: string }> | undefined;

  const ask = async () => {
    const askedMs = nowMs();
    const { access_token: value, expires_in: lifeSeconds = 0 } = await request({
      ...options,
      tokenUrl,
      scope,
    });
    cached = { value, untilMs: askedMs + lifeSeconds * 1_000 * USED_SHARE };
    return { value };
  };
  return async () => {
    if (cached !== undefined && nowMs() < cached.untilMs) return { value: cached.value };
    asking ??= ask().finally(() => (asking = undefined));
    return asking;
  };
}

type Grant = { readonly access_token: string; readonly expires_in?: number };

async function request(options: {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope?: string | undefined;
}): Promise<Grant> {
  const { tokenUrl, clientId, clientSecret, scope } = options;
  // URL-encoded before Base64, as RFC 6749 requires (2.3.1).
  const user = [clientId, clientSecret].map(encodeURIComponent).join(":");
  try {
    const answer = await fetch(tokenUrl, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(user).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(scope && { scope }) }),
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await answer.json().catch(() => undefined);
    if (!answer.ok) throw new Error(`status ${answer.status}${errorCodeIn(body)}`);
    if (!isGrant(body)) throw new Error("the answer has no access_token");
    return body;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new TransientError(
      "kafka",
      `no token from ${new URL(tokenUrl).origin}: ${messageOf(cause)}`,
      { cause: error },
    );
  }
}

const isGrant = (body: unknown): body is Grant =>
  typeof body === "object" &&
  body !== null &&
  "access_token" in body &&
  typeof body.access_token === "string";

/** Returns the standard's error code, such as invalid_client. */
const errorCodeIn = (body: unknown): string =>
  typeof body === "object" && body !== null && "error" in body && typeof body.error === "string"
    ? ` (${body.error})`
    : "";
