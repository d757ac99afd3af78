import type { IncomingMessage } from "node:http";
import { bearerOf } from "@fiberstream/http/bearer-token";
import { keyFault, NOT_A_KEY } from "@fiberstream/http/key-fault";
import { isSecretOf, parseToken } from "@fiberstream/postgres/key-tokens";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import { Refusal } from "../answers/refusal.ts";
import type { SubjectOfJwt } from "./jwt.ts";
import { type ApiKey, nodeMatcher } from "./keys/api-key.ts";
import type { LookUpKey } from "./keys/key-lookup.ts";
import { OPEN_SENDER, type Sender } from "./sender.ts";
import { unauthorized } from "./unauthorized.ts";

/** @throws {Refusal} MISSING_TOKEN, INVALID_TOKEN, EXPIRED_TOKEN, UNKNOWN_JWT_KEY, RATE_LIMITED, AUTH_UNAVAILABLE, ORIGIN_NOT_ALLOWED */
export type Authenticate = (request: IncomingMessage) => Sender | Promise<Sender>;

/**
 * Accepts every sender except web pages that are open on this machine. A browser sends the page's origin with each POST,
 * also if the page's host name was made to resolve to this machine (DNS rebinding) and its content type needs no
 * preflight.
 *
 * @param options.corsOrigins origins whose pages may send
 */
export function createAuthenticateNobody({
  corsOrigins,
}: {
  corsOrigins: readonly string[];
}): Authenticate {
  const allowed = new Set(corsOrigins);
  return ({ headers: { origin } }) => {
    if (origin === undefined || allowed.has(origin)) return OPEN_SENDER;
    throw new Refusal(
      "ORIGIN_NOT_ALLOWED",
      "this origin may not send: add it to CORS_ORIGINS, or send from outside a browser",
    );
  };
}

/**
 * @param options.noteUse called for each request of a key
 * @param options.subjectOfJwt left out if JWTs are not accepted
 */
export function createAuthenticate(options: {
  lookUp: LookUpKey;
  noteUse: (keyId: string) => void;
  subjectOfJwt?: SubjectOfJwt | undefined;
  log: Log;
}): Authenticate {
  const { lookUp, noteUse, subjectOfJwt, log } = options;
  const senders = new WeakMap<ApiKey, Sender>();
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "key lookup failed, senders asked to retry"),
  );

  /** Caches the sender of each key that was read, so that its pattern is compiled once. */
  const senderOf = (key: ApiKey, secret: string | undefined): Sender => {
    noteUse(key.keyId);
    const known = senders.get(key);
    if (known !== undefined) return known;
    const sender: Sender = {
      id: key.keyId,
      tenant: key.tenant,
      mayReport: nodeMatcher(key.nodePattern),
      nodePattern: key.nodePattern,
      ...(key.maxNodes !== undefined &&
        key.nodePattern.endsWith("*") && { maxNodes: key.maxNodes }),
      limit: key,
      ...(key.tenantLimit !== null && { tenantLimit: key.tenantLimit }),
      ...(key.requiresSignature && secret !== undefined && { signingSecret: secret }),
    };
    senders.set(key, sender);
    return sender;
  };

  const byKey = async (keyId: string, secret: string) => {
    const key = await orUnavailable(() => lookUp({ column: "key_id", value: keyId }));
    if (key === null || !isSecretOf(Buffer.from(key.secretSha256 ?? "", "hex"), secret)) {
      throw invalid("unknown key, or wrong secret");
    }
    return senderOf(usable(key), secret);
  };

  const byJwt = async (token: string, subjectOf: SubjectOfJwt, address = "") => {
    const subject = await subjectOf(token, address);
    const key = await orUnavailable(() => lookUp({ column: "jwt_subject", value: subject }));
    if (key === null) throw invalid("the JWT is valid, but no key is registered for its subject");
    return senderOf(usable(key), undefined);
  };

  const orUnavailable = async (lookUpOnce: () => ReturnType<LookUpKey>) => {
    try {
      return await lookUpOnce();
    } catch (error) {
      warn(error);
      throw new Refusal(
        "AUTH_UNAVAILABLE",
        "keys cannot be looked up right now: send this again later",
      );
    }
  };

  return (request) => {
    const token = bearerOf(request.headers.authorization);
    if (typeof token !== "string") throw unauthorized(token.code, token.detail);
    const parsed = parseToken(token);
    if (parsed !== undefined) return byKey(parsed.keyId, parsed.secret);
    if (subjectOfJwt !== undefined && token.split(".").length === 3)
      return byJwt(token, subjectOfJwt, request.socket.remoteAddress);
    throw invalid(NOT_A_KEY.detail);
  };
}

function usable(key: ApiKey): ApiKey {
  const fault = keyFault(key);
  if (fault !== undefined) throw unauthorized(fault.code, fault.detail);
  return key;
}

const invalid = (detail: string): Refusal => unauthorized("INVALID_TOKEN", detail);
