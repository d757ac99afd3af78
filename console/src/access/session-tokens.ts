import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";

const RANDOM_BYTES = 32;
const TAG_BYTES = 12;
/** Both as base64url. */
const TOKEN = /^[A-Za-z0-9_-]{59}$/;

/** The tokens of sessions: 256 random bits, and a tag by which invented ones are known without asking the database. */
export type SessionTokens = {
  readonly make: () => { readonly token: string; readonly sha256: Buffer };
  /** Returns the hash of a token; undefined if it was certainly never made. */
  readonly sha256Of: (token: string) => Buffer | undefined;
};

/** @param secret that of the database's key ids */
export function createSessionTokens(secret: Buffer): SessionTokens {
  const tagOf = (random: Buffer) =>
    createHmac("sha256", secret).update("session").update(random).digest().subarray(0, TAG_BYTES);
  return {
    make: () => {
      const random = randomBytes(RANDOM_BYTES);
      const token = Buffer.concat([random, tagOf(random)]).toString("base64url");
      return { token, sha256: hash("sha256", token, "buffer") };
    },
    sha256Of: (token) => {
      if (!TOKEN.test(token)) return undefined;
      const bytes = Buffer.from(token, "base64url");
      const tag = tagOf(bytes.subarray(0, RANDOM_BYTES));
      const isMade = timingSafeEqual(bytes.subarray(RANDOM_BYTES), tag);
      return isMade ? hash("sha256", token, "buffer") : undefined;
    },
  };
}
