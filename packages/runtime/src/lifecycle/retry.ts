import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "../errors.ts";
import type { Check } from "./health.ts";
import type { Log } from "../logging/log.ts";

/** How long to wait after failed attempt number `attempt` (from 1): doubles from 100 ms to 5 s, with jitter. */
export function retryDelayMs(attempt: number): number {
  const ceilingMs = Math.min(5_000, 100 * 2 ** Math.min(attempt - 1, 10));
  return ceilingMs / 2 + Math.random() * (ceilingMs / 2);
}

/**
 * Retries a call until it succeeds, for dependencies that may start later than the service. Until then the check fails,
 * with the dependency's name and address.
 *
 * @param options.where the address to show, without credentials
 * @throws any error of `attempt` that is not a TransientError; AbortError once stopping
 */
export async function untilAvailable<T>(
  attempt: () => Promise<T>,
  options: { name: string; where: string; check: Check; log: Log; stopping: AbortSignal },
): Promise<T> {
  const { name, where, check, log, stopping } = options;
  for (let tries = 1; ; tries++) {
    try {
      const result = await attempt();
      check.ok();
      if (tries > 1) log.info({ dependency: name, where, tries }, "dependency available");
      return result;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const reason = messageOf(error);
      check.failing(`${name} at ${where}: ${reason}`);
      const waitMs = Math.round(retryDelayMs(tries));
      log.warn(
        { dependency: name, where, reason, tries, waitMs },
        "dependency unavailable, retrying",
      );
      await delay(waitMs, undefined, { signal: stopping });
    }
  }
}

/** The address of a URL, without user, password and path. */
export function addressOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
