import { wallNowMs } from "@fiberstream/runtime/wall-clock";

/** Why a token is rejected: the code and the detail of a 401. */
export type KeyFault = {
  readonly code: "INVALID_TOKEN" | "EXPIRED_TOKEN";
  readonly detail: string;
};

/** A token that is not in the form of our keys. */
export const NOT_A_KEY: KeyFault = {
  code: "INVALID_TOKEN",
  detail: "the token must be fs_<key id>_<secret>, as it was shown when the key was created",
};

/** Returns why a key may not be used any more; undefined if it may. */
export function keyFault(key: {
  readonly isRevoked: boolean;
  readonly expiresAtMs: number | null;
}): KeyFault | undefined {
  if (key.isRevoked) return { code: "INVALID_TOKEN", detail: "this key has been revoked" };
  if (key.expiresAtMs !== null && key.expiresAtMs <= wallNowMs()) {
    return { code: "EXPIRED_TOKEN", detail: "this key has expired: ask for a new one" };
  }
  return undefined;
}
