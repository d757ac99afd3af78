import type { RateLimit } from "../auth/sender.ts";

/**
 * RateLimit and RateLimit-Policy (IETF draft ietf-httpapi-ratelimit-headers-10): what is left and when
 * the bucket will be full; its size and how long filling it takes. Whole numbers, as the draft wants them.
 *
 * @param events what is left; below 0 is a debt, which counts as nothing left
 */
export function rateLimitHeaders(limit: RateLimit, events: number): Record<string, string> {
  const { ratePerSecond, burst } = limit;
  const left = Math.max(0, Math.floor(events));
  const fullInSeconds = Math.ceil((burst - events) / ratePerSecond);
  return {
    "RateLimit-Policy": `"events";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / ratePerSecond))}`,
    RateLimit: `"events";r=${left};t=${Math.max(0, fullInSeconds)}`,
  };
}
