import type { RateLimit } from "@fiberstream/http/token-bucket";

/** The authenticated sender of a request, and its permissions. */
export type Sender = {
  /** Names the sender's rate limit and its share of the memory: a key's id, or "open". */
  readonly id: string;
  readonly tenant: string;
  /** Whether it may report for a node. Undefined: for every node. */
  readonly mayReport?: (nodeId: string) => boolean;
  /** The pattern of `mayReport`, to compare the permissions of senders. */
  readonly nodePattern?: string;
  /** How many nodes it may report for. Undefined: unlimited, or its pattern matches only one. */
  readonly maxNodes?: number;
  /** Undefined: no limit. */
  readonly limit?: RateLimit;
  /** The limit of all keys of the tenant together. Undefined: no limit. */
  readonly tenantLimit?: RateLimit;
  /** Set if each request has to be signed with it. */
  readonly signingSecret?: string;
};

/** The one sender of AUTH_MODE=open. */
export const OPEN_SENDER: Sender = { id: "open", tenant: "default" };
