import type { IncomingMessage } from "node:http";
import { bearerOf, challenge } from "@fiberstream/http/bearer-token";
import { keyFault, NOT_A_KEY } from "@fiberstream/http/key-fault";
import { isLoopback } from "@fiberstream/http/open-port";
import { isSecretOf, parseToken } from "@fiberstream/postgres/key-tokens";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Code } from "../answers/codes.ts";
import { Refusal } from "../answers/refusal.ts";
import { OPEN_READER, type Reader } from "./reader.ts";
import type { LookUpReader } from "./reader-keys.ts";

/** @throws {Refusal} MISSING_TOKEN, INVALID_TOKEN, EXPIRED_TOKEN, DATABASE_UNAVAILABLE, ORIGIN_NOT_ALLOWED */
export type Authenticate = (request: Pick<IncomingMessage, "headers">) => Promise<Reader>;

/** Accepts whoever has a reader key. */
export function createAuthenticate(options: { lookUp: LookUpReader; log: Log }): Authenticate {
  const { lookUp, log } = options;
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "reader key lookup failed"),
  );

  const found = async (keyId: string) => {
    try {
      return await lookUp(keyId);
    } catch (error) {
      warn(error);
      throw new Refusal(
        "DATABASE_UNAVAILABLE",
        "keys cannot be looked up right now: send this again later",
      );
    }
  };

  return async ({ headers }) => {
    const token = bearerOf(headers.authorization);
    if (typeof token !== "string") throw unauthorized(token.code, token.detail);
    const parsed = parseToken(token);
    if (parsed === undefined) throw unauthorized(NOT_A_KEY.code, NOT_A_KEY.detail);
    const key = await found(parsed.keyId);
    if (key === null || !isSecretOf(key.secretSha256, parsed.secret)) {
      throw unauthorized(
        "INVALID_TOKEN",
        "unknown reader key, or wrong secret; a key with which probes send may not read",
      );
    }
    const fault = keyFault(key);
    if (fault !== undefined) throw unauthorized(fault.code, fault.detail);
    return key.reader;
  };
}

/**
 * Accepts everybody except web pages of other origins. A page whose host name was made to resolve to this machine (DNS
 * rebinding) has another Host.
 *
 * @param options.isOnAnyHost the port is published under other names
 */
export function createAuthenticateNobody(options: { isOnAnyHost: boolean }): Authenticate {
  return async ({ headers: { origin, host = "" } }) => {
    const isOwn =
      origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
    if (isOwn && (options.isOnAnyHost || isLoopback(hostNameOf(host)))) return OPEN_READER;
    throw new Refusal(
      "ORIGIN_NOT_ALLOWED",
      "with AUTH_MODE=open only programs and pages of this machine may ask: use localhost or 127.0.0.1 as the host",
    );
  };
}

const hostNameOf = (host: string): string => host.replace(/:\d*$/, "").replace(/^\[|\]$/g, "");

const unauthorized = (
  code: Extract<Code, "MISSING_TOKEN" | "INVALID_TOKEN" | "EXPIRED_TOKEN">,
  detail: string,
): Refusal => new Refusal(code, detail, { headers: challenge(code) });
