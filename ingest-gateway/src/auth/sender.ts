/** The authenticated sender of a request, and what it may do. */
export type Sender = {
  /** Names the sender's rate limit and its share of the memory: a key's id, or "open". */
  readonly id: string;
  readonly tenant: string;
  /** Undefined: for every node. */
  readonly mayReport?: (nodeId: string) => boolean;
  /** Says in text what `mayReport` allows, so that equal rights can be told. */
  readonly nodePattern?: string;
  /** How many nodes it may report for. Undefined: no bound, or no more than one anyway. */
  readonly maxNodes?: number;
  /** Undefined: no limit. */
  readonly limit?: RateLimit;
  /** Of all keys of the tenant together. Undefined: no limit. */
  readonly tenantLimit?: RateLimit;
  /** Only where each request has to be signed with it. */
  readonly signingSecret?: string;
};

/** A bucket of `burst` events, which gains `ratePerSecond` events. */
export type RateLimit = { readonly ratePerSecond: number; readonly burst: number };

/** The one sender of AUTH_MODE=open. */
export const OPEN_SENDER: Sender = { id: "open", tenant: "default" };
