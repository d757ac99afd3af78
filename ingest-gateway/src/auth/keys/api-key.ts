import type { RateLimit } from "@fiberstream/http/token-bucket";

/** A key and its permissions, from the table `api_keys`. */
export type ApiKey = {
  readonly keyId: string;
  /** Hex; null for a key of a JWT subject. */
  readonly secretSha256: string | null;
  readonly tenant: string;
  /** One node id, or a prefix followed by "*". */
  readonly nodePattern: string;
  /** How many nodes of its pattern it may report for. Undefined if an earlier version has written the key to Redis. */
  readonly maxNodes?: number;
  readonly ratePerSecond: number;
  readonly burst: number;
  /** The limit of all keys of the tenant together; null for none. */
  readonly tenantLimit: RateLimit | null;
  readonly requiresSignature: boolean;
  readonly expiresAtMs: number | null;
  readonly isRevoked: boolean;
};

/** What a key is looked up by: its id in an `fs_` token, or the subject of a JWT. */
export type KeyName = { readonly column: "key_id" | "jwt_subject"; readonly value: string };

export const nameText = ({ column, value }: KeyName): string => `${column}:${value}`;

/** Returns a function that tells whether a key's pattern matches a node. */
export function nodeMatcher(pattern: string): (nodeId: string) => boolean {
  if (pattern === "*") return () => true;
  if (!pattern.endsWith("*")) return (nodeId) => nodeId === pattern;
  const prefix = pattern.slice(0, -1);
  return (nodeId) => nodeId.startsWith(prefix);
}
