/** `fs_<key id>_<secret>`. The secret is 32 random bytes as base64url, which may have "_" in it. */
const TOKEN = /^fs_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;

/** Returns the parts of a token of a sender or reader; undefined if it is none. */
export function parseToken(token: string): { keyId: string; secret: string } | undefined {
  const [, keyId, secret] = TOKEN.exec(token) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}
