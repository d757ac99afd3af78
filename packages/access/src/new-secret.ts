import { createHash, randomBytes } from "node:crypto";

/**
 * Creates a secret of 256 random bits. They cannot be guessed, so a fast hash is enough.
 * @returns the secret, and what the database keeps of it
 */
export function newSecret(): { readonly secret: string; readonly sha256: Buffer } {
  const secret = randomBytes(32).toString("base64url");
  return { secret, sha256: createHash("sha256").update(secret).digest() };
}
