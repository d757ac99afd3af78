import type { RateLimit } from "../auth/sender.ts";

/** A bucket as its sender is told of it. */
export type Policy = {
  readonly name: "events" | "tenant";
  readonly limit: RateLimit;
  /** What is left; below 0 is a debt, which counts as nothing left. */
  readonly events: number;
};

/**
 * RateLimit and RateLimit-Policy (IETF draft ietf-httpapi-ratelimit-headers-10), an item for each bucket: what is
 * left and when it will be full; its size and how long filling it takes. Whole numbers, as the draft wants them.
 */
export function rateLimitHeaders(policies: readonly Policy[]): Record<string, string> {
  return {
    "RateLimit-Policy": policies.map(policyItem).join(", "),
    RateLimit: policies.map(limitItem).join(", "),
  };
}

const policyItem = ({ name, limit: { ratePerSecond, burst } }: Policy) =>
  `"${name}";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / ratePerSecond))}`;

function limitItem({ name, limit: { ratePerSecond, burst }, events }: Policy): string {
  const left = Math.max(0, Math.floor(events));
  const fullInSeconds = Math.ceil((burst - events) / ratePerSecond);
  return `"${name}";r=${left};t=${Math.max(0, fullInSeconds)}`;
}
