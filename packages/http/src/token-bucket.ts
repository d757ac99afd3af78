/** A bucket of `burst` tokens, which gains `ratePerSecond` tokens. */
export type RateLimit = { readonly ratePerSecond: number; readonly burst: number };

/** Returns how many tokens a bucket has that had `left` at `sinceMs`. */
export function refilled(
  { ratePerSecond, burst }: RateLimit,
  { left, sinceMs }: { readonly left: number; readonly sinceMs: number },
  nowMs: number,
): number {
  return Math.min(burst, left + ((nowMs - sinceMs) / 1_000) * ratePerSecond);
}

/** A bucket as headers describe it. */
export type BucketState<Name extends string> = {
  readonly name: Name;
  readonly limit: RateLimit;
  /** Tokens; a negative number counts as nothing. */
  readonly left: number;
};

/**
 * Returns RateLimit and RateLimit-Policy (IETF draft ietf-httpapi-ratelimit-headers-10), with an item for each bucket:
 * what is left and when it will be full; its size and how long filling it takes. The draft requires integers.
 */
export function rateLimitHeaders(buckets: readonly BucketState<string>[]): Record<string, string> {
  return {
    "RateLimit-Policy": buckets.map(policyItem).join(", "),
    RateLimit: buckets.map(limitItem).join(", "),
  };
}

const policyItem = ({ name, limit: { ratePerSecond, burst } }: BucketState<string>) =>
  `"${name}";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / ratePerSecond))}`;

function limitItem({ name, limit: { ratePerSecond, burst }, left }: BucketState<string>): string {
  const whole = Math.max(0, Math.floor(left));
  const fullInSeconds = Math.ceil((burst - left) / ratePerSecond);
  return `"${name}";r=${whole};t=${Math.max(0, fullInSeconds)}`;
}
