import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "../errors.ts";
import type { Check } from "./health.ts";
import type { Log } from "../logging/log.ts";

/** How long to wait before try number `attempt` (from 1): doubling from 100 ms to 5 s, with jitter. */
export function retryDelayMs(attempt: number): number {
  const ceilingMs = Math.min(5_000, 100 * 2 ** Math.min(attempt - 1, 10));
  return ceilingMs / 2 + Math.random() * (ceilingMs / 2);
}

/**
 * Tries one call until it succeeds, for dependencies that may come up later than the service.
 * The check is failing, with what and where, until then.
 *
 * @param options.where address as an operator knows it, without credentials
 * @throws what `attempt` threw if that is not a TransientError; AbortError once stopping
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

/** An address to show: without user, password and path. */
export function addressOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
