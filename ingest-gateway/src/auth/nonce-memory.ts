export type NonceMemory = {
  /** Returns whether a key's nonce is new, and marks it as used. */
  readonly use: (keyId: string, nonce: string) => boolean;
  readonly count: () => number;
};

/**
 * Remembers recent nonces, by key. When the memory is full, the oldest nonces of the key with the most are dropped, so
 * that a key that floods evicts only its own.
 *
 * @param options.ttlMs how long a nonce counts as used
 */
export function createNonceMemory(options: {
  maxNonces: number;
  ttlMs: number;
  now?: () => number;
}): NonceMemory {
  const { maxNonces, ttlMs, now = () => performance.now() } = options;
  /** When each nonce was used, the oldest first. */
  const byKey = new Map<string, Map<string, number>>();
  let count = 0;

  const drop = (keyId: string, nonces: Map<string, number>, shouldDrop: ShouldDrop) => {
    for (const [nonce, usedAtMs] of nonces) {
      if (!shouldDrop(usedAtMs)) break;
      nonces.delete(nonce);
      count--;
    }
    if (nonces.size === 0) byKey.delete(keyId);
  };
  const isTooOld: ShouldDrop = (usedAtMs) => usedAtMs <= now() - ttlMs;

  const evict = () => {
    let fullest: readonly [string, Map<string, number>] | undefined;
    for (const [keyId, nonces] of byKey) {
      drop(keyId, nonces, isTooOld);
      if (nonces.size > (fullest?.[1].size ?? 0)) fullest = [keyId, nonces];
    }
    if (count <= maxNonces || fullest === undefined) return;
    // A tenth at once, so that a flood seldom searches all keys.
    let left = Math.ceil(fullest[1].size / 10);
    drop(...fullest, () => left-- > 0);
  };

  return {
    count: () => count,
    use: (keyId, nonce) => {
      const known = byKey.get(keyId);
      if (known !== undefined) drop(keyId, known, isTooOld);
      const nonces = byKey.get(keyId) ?? new Map<string, number>();
      if (nonces.has(nonce)) return false;
      nonces.set(nonce, now());
      byKey.set(keyId, nonces);
      count++;
      if (count > maxNonces) evict();
      return true;
    },
  };
}

type ShouldDrop = (usedAtMs: number) => boolean;
