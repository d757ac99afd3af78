import { portNumber, setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** A duration of at most a day. */
export const durationMs = (defaultMs: number) =>
  wholeNumber({ min: 1, max: 24 * 60 * 60 * 1_000 }).default(defaultMs);

/**
 * The settings of a service with a public port.
 * @param options.users whom the port is for
 * @param options.modes what the two modes of AUTH_MODE mean
 * @param options.keyKind what a key is called
 * @param options.alsoRequestTimeout what else REQUEST_TIMEOUT_MS bounds
 */
export const publicPortSettings = (options: {
  port: number;
  users: string;
  modes: string;
  keyKind: string;
  alsoRequestTimeout?: string;
}) => ({
  host: setting("HOST", z.string().default("127.0.0.1"), "address of the public port"),
  port: setting("PORT", portNumber().default(options.port), `public port, for ${options.users}`),
  authMode: setting("AUTH_MODE", z.enum(["keys", "open"]).default("keys"), options.modes),
  isOpenOnAnyHost: setting(
    "AUTH_OPEN_ON_ANY_HOST",
    z.stringbool().default(false),
    "true: allow AUTH_MODE=open on other addresses, for a container whose port is published on loopback only",
  ),
  keyMaxAgeMs: setting(
    "KEY_MAX_AGE_MS",
    wholeNumber({ min: 0, max: 30_000 }).default(25_000),
    `how long a ${options.keyKind} is cached without asking the database, and so how long a revoked key may still work`,
  ),
  headersTimeoutMs: setting(
    "HEADERS_TIMEOUT_MS",
    durationMs(10_000),
    "how long a request's headers may take to arrive",
  ),
  requestTimeoutMs: setting(
    "REQUEST_TIMEOUT_MS",
    durationMs(30_000),
    `how long a whole request may take to arrive${options.alsoRequestTimeout ?? ""}`,
  ),
  keepAliveTimeoutMs: setting(
    "KEEP_ALIVE_TIMEOUT_MS",
    durationMs(75_000),
    "how long an idle connection is kept open; longer than the idle timeout of a load balancer in front",
  ),
});
