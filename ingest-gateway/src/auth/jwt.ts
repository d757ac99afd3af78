import { hash } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { messageOf } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { meaningOf } from "../codes.ts";
import { Refusal } from "../refusal.ts";
import { createIssuerKeys } from "./issuer-keys.ts";
import { unauthorized } from "./unauthorized.ts";

/** @returns the subject of a good JWT @throws {Refusal} INVALID_TOKEN, EXPIRED_TOKEN, UNKNOWN_JWT_KEY, AUTH_UNAVAILABLE */
export type SubjectOfJwt = (token: string) => string | Promise<string>;

export type JwtSettings = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly fetchAtMostEveryMs?: number;
};

/** A signature costs 100 us and more to check, so a good token is believed again for this long. */
const BELIEVED_MS = 60_000;
const MAX_BELIEVED = 10_000;
/** How far the issuer's clock may be off (RFC 7519, 4.1.4 and 4.1.5: "usually no more than a few minutes"). */
const LEEWAY_SECONDS = 60;
/** Of a set whose keys all fit a token that names none; everybody can make such tokens, and each try costs 80 us. */
const MAX_KEYS_TRIED = 4;
/** A token that was refused is refused again without a look for so long: a probe that does not give up sends it on and on. */
const REFUSED_MS = 5_000;
const MAX_REFUSED = 1_000;

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
export function createJwtCheck({ issuer, audience, ...source }: JwtSettings): SubjectOfJwt {
  const keys = createIssuerKeys(source);
  const believed = new LRUCache<string, string>({ max: MAX_BELIEVED });
  const refused = new LRUCache<string, Refusal>({ max: MAX_REFUSED, ttl: REFUSED_MS });
  const rules = {
    issuer,
    audience,
    algorithms: ALGORITHMS,
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ["sub", "exp"],
  };

  /** By the key that the token names, or by any that fits one which names none. */
  const verify = async (token: string): Promise<JWTPayload> => {
    try {
      return (await jwtVerify(token, keys.keyFor, rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      let tried = 0;
      for await (const key of error) {
        if (++tried > MAX_KEYS_TRIED) throw tooManyKeys();
        const verified = await jwtVerify(token, key, rules).catch(whenOfAnotherKey);
        if (verified !== undefined) return verified.payload;
      }
      throw new errors.JWKSNoMatchingKey();
    }
  };

  /** A key that is not known may have been made a moment ago: only keys that are younger than the question deny it. */
  const verifyByFreshKeys = async (token: string): Promise<JWTPayload> => {
    const askedAt = performance.now();
    try {
      return await verify(token);
    } catch (error) {
      if (!isOfUnknownKey(error, token)) throw error;
      if (!(await keys.areFetchedSince(askedAt))) {
        // Everybody can make such a token: of 5xx it would be our failure, and somebody would be woken for it.
        throw new Refusal(
          "UNKNOWN_JWT_KEY",
          "the JWT's key is not among those that its issuer published a moment ago: send this again later",
        );
      }
      return verify(token);
    }
  };

  const check = async (token: string, name: string) => {
    try {
      const { sub = "", exp = 0 } = await verifyByFreshKeys(token);
      const leftMs = (exp + LEEWAY_SECONDS) * 1_000 - wallNowMs();
      if (leftMs > 0) believed.set(name, sub, { ttl: Math.min(leftMs, BELIEVED_MS) });
      return sub;
    } catch (error) {
      const refusal = refusalOf(error);
      if (meaningOf(refusal.code).status === 401) refused.set(name, refusal);
      throw refusal;
    }
  };

  return (token) => {
    const name = hash("sha256", token);
    const subject = believed.get(name);
    if (subject !== undefined) return subject;
    const refusal = refused.get(name);
    if (refusal !== undefined) throw refusal;
    return check(token, name);
  };
}

const tooManyKeys = (): Refusal =>
  unauthorized(
    "INVALID_TOKEN",
    `the JWT names no key (kid), and none of the first ${MAX_KEYS_TRIED} of its issuer's that fit has signed it`,
  );

function whenOfAnotherKey(error: unknown): undefined {
  if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
}

const isOfUnknownKey = (error: unknown, token: string): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  (error instanceof errors.JWSSignatureVerificationFailed &&
    decodeProtectedHeader(token).kid === undefined);

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof errors.JWTExpired) {
    return unauthorized("EXPIRED_TOKEN", "the JWT has expired: get a new one");
  }
  const isTokensFault =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    // What jose throws itself when the key set does not come as 200 with JSON.
    error.code !== "ERR_JOSE_GENERIC";
  return isTokensFault
    ? unauthorized("INVALID_TOKEN", `the JWT is not good here: ${messageOf(error)}`)
    : new Refusal(
        "AUTH_UNAVAILABLE",
        "the keys of the JWT's issuer cannot be had: send this again later",
      );
}
