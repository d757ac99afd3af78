import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";

/**
 * Marks of browsers that somebody has signed in with. Tries from such a browser are counted apart, so that whoever tries passwords of
 * an account from elsewhere locks out only others like them, and not its owner (OWASP: device cookies).
 */
export type Devices = {
  readonly make: (userId: string) => string;
  /** Returns the name under which the tries of this browser for this user are counted; undefined: its mark is not theirs. */
  readonly nameOf: (mark: string | undefined, userId: string) => string | undefined;
};

export const DEVICE_MAX_AGE_SECONDS = 90 * 86_400;

/** `<seconds since 1970>.<random>.<tag>` */
const MARK = /^(\d{9,11})\.([\w-]{22})\.([\w-]{43})$/;

/** @param secret that of the database's key ids */
export function createDevices(secret: Buffer): Devices {
  const tagOf = (userId: string, seconds: string, random: string) =>
    createHmac("sha256", secret).update(`device ${userId} ${seconds} ${random}`).digest();
  return {
    make: (userId) => {
      const seconds = String(Math.floor(wallNowMs() / 1_000));
      const random = randomBytes(16).toString("base64url");
      return `${seconds}.${random}.${tagOf(userId, seconds, random).toString("base64url")}`;
    },
    nameOf: (mark = "", userId) => {
      const [, seconds = "", random = "", tag = ""] = MARK.exec(mark) ?? [];
      if (tag === "" || wallNowMs() / 1_000 > Number(seconds) + DEVICE_MAX_AGE_SECONDS)
        return undefined;
      const isMade = timingSafeEqual(tagOf(userId, seconds, random), Buffer.from(tag, "base64url"));
      return isMade ? hash("sha256", random, "base64url") : undefined;
    },
  };
}
