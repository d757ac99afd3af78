/** Who sends a request, and what they may do. */
export type Sender = {
  /** Names the sender's bucket and its share of the memory: a key's id, or OPEN. */
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

/** Everyone, where nobody is asked who they are. */
export const OPEN_SENDER: Sender = { id: "open", tenant: "default" };
