import { hash } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { messageOf } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { meaningOf } from "../answers/codes.ts";
import { Refusal } from "../answers/refusal.ts";
import { createIssuerKeys } from "./issuer-keys.ts";
import { unauthorized } from "./unauthorized.ts";
import { createVerificationTurns } from "./verification-turns.ts";

/**
 * @param address that the token came from
 * @returns the subject of a valid JWT
 * @throws {Refusal} INVALID_TOKEN, EXPIRED_TOKEN, UNKNOWN_JWT_KEY, RATE_LIMITED, AUTH_UNAVAILABLE
 */
export type SubjectOfJwt = (token: string, address: string) => string | Promise<string>;

export type JwtSettings = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly fetchAtMostEveryMs?: number;
};

/** Checking a signature costs 100 us and more, so a valid token is cached for so long. */
const VALID_MS = 60_000;
const MAX_VALID = 10_000;
/** How far the issuer's clock may be off (RFC 7519, 4.1.4 and 4.1.5: "usually no more than a few minutes"). */
const LEEWAY_SECONDS = 60;
/** How many keys are tried for a token that names none. Anybody can make such tokens, and each try costs 80 us. */
const MAX_KEYS_TRIED = 4;
/** How long a refused token is refused again without a check, because some probes send it again and again. */
const REFUSED_MS = 5_000;
const MAX_REFUSED = 1_000;

/** Asymmetric algorithms only: with a shared secret, everybody who can check a token can also make one. */
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

/** Returns a function that checks JWTs of one issuer with the keys that it publishes (RFC 7519, RFC 7517). */
export function createJwtCheck({ issuer, audience, ...source }: JwtSettings): SubjectOfJwt {
  const keys = createIssuerKeys(source);
  const valid = new LRUCache<string, string>({ max: MAX_VALID });
  const refused = new LRUCache<string, Refusal>({ max: MAX_REFUSED, ttl: REFUSED_MS });
  /** The same token in several requests is verified once. */
  const asked = new Map<string, Promise<string>>();
  const inTurn = createVerificationTurns();
  const rules = {
    issuer,
    audience,
    algorithms: ALGORITHMS,
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ["sub", "exp"],
  };

  /** Verifies with the key that the token names, or tries all that fit if it names none. */
  const verify = async (token: string): Promise<JWTPayload> => {
    try {
      return (await jwtVerify(token, keys.keyFor, rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      let tried = 0;
      for await (const key of error) {
        if (++tried > MAX_KEYS_TRIED) throw tooManyKeys();
        const verified = await jwtVerify(token, key, rules).catch(undefinedIfOtherKey);
        if (verified !== undefined) return verified.payload;
      }
      throw new errors.JWKSNoMatchingKey();
    }
  };

  /** Refuses a token with an unknown key only by keys that were fetched after the token arrived: the key may be new. */
  const verifyByFreshKeys = async (token: string, address: string): Promise<JWTPayload> => {
    const askedAt = performance.now();
    const verifyInTurn = () => inTurn(address, () => verify(token));
    try {
      return await verifyInTurn();
    } catch (error) {
      if (!isOfUnknownKey(error, token)) throw error;
      if (!(await keys.areFetchedSince(askedAt))) {
        // Not 5xx: anybody can make such a token, and 5xx would count as a failure of the gateway and raise an alert.
        throw new Refusal(
          "UNKNOWN_JWT_KEY",
          "the JWT's key is not among the keys that its issuer published a moment ago: send this again later",
        );
      }
      return verifyInTurn();
    }
  };

  const check = async (token: string, name: string, address: string) => {
    try {
      const { sub = "", exp = 0 } = await verifyByFreshKeys(token, address);
      const leftMs = (exp + LEEWAY_SECONDS) * 1_000 - wallNowMs();
      if (leftMs > 0) valid.set(name, sub, { ttl: Math.min(leftMs, VALID_MS) });
      return sub;
    } catch (error) {
      const refusal = refusalOf(error);
      if (meaningOf(refusal.code).status === 401) refused.set(name, refusal);
      throw refusal;
    }
  };

  return (token, address) => {
    const name = hash("sha256", token);
    const subject = valid.get(name);
    if (subject !== undefined) return subject;
    const refusal = refused.get(name);
    if (refusal !== undefined) throw refusal;
    const asking = asked.get(name);
    if (asking !== undefined) return asking;
    const answer = check(token, name, address).finally(() => asked.delete(name));
    asked.set(name, answer);
    return answer;
  };
}

const tooManyKeys = (): Refusal =>
  unauthorized(
    "INVALID_TOKEN",
    `the JWT names no key (kid), and none of the first ${MAX_KEYS_TRIED} of its issuer's that fit has signed it`,
  );

function undefinedIfOtherKey(error: unknown): undefined {
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
    // jose's error if the key set's response is not 200 with JSON.
    error.code !== "ERR_JOSE_GENERIC";
  return isTokensFault
    ? unauthorized("INVALID_TOKEN", `the JWT was rejected: ${messageOf(error)}`)
    : new Refusal(
        "AUTH_UNAVAILABLE",
        "the JWT issuer's keys are unavailable: send this again later",
      );
}
