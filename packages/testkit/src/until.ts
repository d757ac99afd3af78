import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";

const LOOK_EVERY_MS = 25;

/**
 * Waits for a fact, never for time. A look that throws counts as "not yet".
 *
 * @param fact looked at until it gives something truthy
 * @param options.what the fact in words, for the message when it never comes
 * @param options.timeoutMs 20 s by default
 * @returns what the fact gave
 */
export async function until<T>(
  fact: () => T | Promise<T>,
  options: { what: string; timeoutMs?: number },
): Promise<NonNullable<T>> {
  const { what, timeoutMs = 20_000 } = options;
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    let seen: string;
    try {
      const value = await fact();
      if (value) return value;
      seen = `it was ${JSON.stringify(value)}`;
    } catch (error) {
      seen = `it threw: ${messageOf(error)}`;
    }
    if (performance.now() >= giveUpAtMs) {
      throw new Error(`waited ${timeoutMs / 1_000} s in vain: ${what} (the last time ${seen})`);
    }
    await delay(LOOK_EVERY_MS);
  }
}
