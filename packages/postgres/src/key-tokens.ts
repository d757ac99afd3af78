import { hash, timingSafeEqual } from "node:crypto";

/** `fs_<key id>_<secret>`. The secret is 32 random bytes as base64url, which may have "_" in it. */
const TOKEN = /^fs_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;

/** Returns the parts of a token of a sender or reader; undefined if it is none. */
export function parseToken(token: string): { keyId: string; secret: string } | undefined {
  const [, keyId, secret] = TOKEN.exec(token) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

/**
 * Whether a token's secret is the one that was stored. Compares in constant time. A fast hash is enough, because 256
 * random bits cannot be guessed.
 *
 * @param sha256 the stored hash; of a key without a secret it is empty
 */
export function isSecretOf(sha256: Buffer, secret: string): boolean {
  const given = hash("sha256", secret, "buffer");
  return sha256.length === given.length && timingSafeEqual(sha256, given);
}
