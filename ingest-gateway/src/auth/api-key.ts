import { hash, timingSafeEqual } from "node:crypto";
import type { RateLimit } from "./sender.ts";

/** What a key may do, as the table `api_keys` has it. */
export type ApiKey = {
  readonly keyId: string;
  /** Hex; null for a key that JWTs stand for. */
  readonly secretSha256: string | null;
  readonly tenant: string;
  /** One node id, or a prefix followed by "*". */
  readonly nodePattern: string;
  /** How many nodes of its pattern it may report for. Undefined in what a gateway of before has remembered. */
  readonly maxNodes?: number;
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Of all keys of the tenant together; null for none. */
  readonly tenantLimit: RateLimit | null;
  readonly requiresSignature: boolean;
  readonly expiresAtMs: number | null;
  readonly isRevoked: boolean;
};

/** How a key is asked for: by its id in a token of ours, or by the subject of a JWT. */
export type KeyName = { readonly column: "key_id" | "jwt_subject"; readonly value: string };

export const nameText = ({ column, value }: KeyName): string => `${column}:${value}`;

/** `fs_<key id>_<secret>`: 32 random bytes as base64url, which may have "_" in it. */
const TOKEN = /^fs_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;

export function parseToken(token: string): { keyId: string; secret: string } | undefined {
  const [, keyId, secret] = TOKEN.exec(token) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

/**
 * Compares in constant time. A fast hash is enough: the secret is 256 random bits, which nobody
 * guesses however many tries a second they have.
 */
export function isSecretOf(key: ApiKey, secret: string): boolean {
  const stored = Buffer.from(key.secretSha256 ?? "", "hex");
  const given = hash("sha256", secret, "buffer");
  return stored.length === given.length && timingSafeEqual(stored, given);
}

/** Whether a key's pattern has a node. */
export function nodeMatcher(pattern: string): (nodeId: string) => boolean {
  if (pattern === "*") return () => true;
  if (!pattern.endsWith("*")) return (nodeId) => nodeId === pattern;
  const prefix = pattern.slice(0, -1);
  return (nodeId) => nodeId.startsWith(prefix);
}
