import { hash } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { messageOf } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { Refusal } from "../refusal.ts";

/** @returns the subject of a good JWT @throws {Refusal} INVALID_TOKEN, EXPIRED_TOKEN, AUTH_UNAVAILABLE */
export type SubjectOfJwt = (token: string) => string | Promise<string>;

export type JwtSettings = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
};

/** A signature costs 100 us and more to check, so a good token is believed again for this long. */
const BELIEVED_MS = 60_000;
const MAX_BELIEVED = 10_000;

/** Asymmetric ones only: with a shared secret, who can check a token could make one. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

/** Checks JWTs of one issuer by the keys that it publishes (RFC 7519, RFC 7517). */
export function createJwtCheck({ issuer, audience, jwksUrl }: JwtSettings): SubjectOfJwt {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 2_000 });
  const believed = new LRUCache<string, string>({ max: MAX_BELIEVED });

  const check = async (token: string, name: string) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ["sub", "exp"],
      });
      const subject = payload.sub ?? "";
      const leftMs = (payload.exp ?? 0) * 1_000 - wallNowMs();
      if (leftMs > 0) believed.set(name, subject, { ttl: Math.min(leftMs, BELIEVED_MS) });
      return subject;
    } catch (error) {
      throw refusalOf(error);
    }
  };

  return (token) => {
    const name = hash("sha256", token);
    return believed.get(name) ?? check(token, name);
  };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) {
    return new Refusal("EXPIRED_TOKEN", "the JWT has expired: get a new one");
  }
  const isTokensFault =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    // What jose throws itself when the key set does not come as 200 with JSON.
    error.code !== "ERR_JOSE_GENERIC";
  return isTokensFault
    ? new Refusal("INVALID_TOKEN", `the JWT is not good here: ${messageOf(error)}`)
    : new Refusal(
        "AUTH_UNAVAILABLE",
        "the keys of the JWT's issuer cannot be had: send this again later",
      );
}
