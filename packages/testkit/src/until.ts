import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";

const POLL_INTERVAL_MS = 25;

/**
 * Waits until a condition is true. A condition that throws is not yet true.
 *
 * @param condition called until it returns something truthy
 * @param options.what the condition in words, for the message if it does not become true
 * @param options.timeoutMs 40 s by default
 * @returns the value of the condition
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { what: string; timeoutMs?: number },
): Promise<NonNullable<T>> {
  const { what, timeoutMs = 40_000 } = options;
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    let seen: string;
    try {
      const value = await condition();
      if (value) return value;
      seen = `it was ${JSON.stringify(value)}`;
    } catch (error) {
      seen = `it threw: ${messageOf(error)}`;
    }
    if (performance.now() >= giveUpAtMs) {
      throw new Error(`waited ${timeoutMs / 1_000} s for: ${what} (the last time ${seen})`);
    }
    await delay(POLL_INTERVAL_MS);
  }
}
