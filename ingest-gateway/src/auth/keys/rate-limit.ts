/** A bucket of `burst` events, which gains `ratePerSecond` events. */
export type RateLimit = { readonly ratePerSecond: number; readonly burst: number };
