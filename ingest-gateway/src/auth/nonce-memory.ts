export type NonceMemory = {
  /** Returns whether a key's nonce is new, and marks it as used. */
  readonly use: (keyId: string, nonce: string) => boolean;
  readonly count: () => number;
};

/**
 * Remembers recent nonces, by key. When the memory is full, the oldest nonces of the keys with the most are dropped, so
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

  /** Frees a hundredth of the memory at once, so that not each new nonce searches all keys. */
  const evict = () => {
    for (const [keyId, nonces] of byKey) drop(keyId, nonces, isTooOld);
    if (count <= maxNonces) return;
    const bySize = [...byKey].toSorted(([, a], [, b]) => b.size - a.size);
    const excess = count - maxNonces + Math.ceil(maxNonces / 100);
    const level = levelWithout(
      excess,
      bySize.map(([, { size }]) => size),
    );
    let left = excess;
    for (const [keyId, nonces] of bySize) {
      if (nonces.size <= level || left === 0) break;
      drop(keyId, nonces, () => nonces.size > level && left-- > 0);
    }
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

/**
 * Returns the size to which the largest ones have to be cut so that together they lose `excess`.
 * @param sizes the largest first
 */
function levelWithout(excess: number, sizes: readonly number[]): number {
  let sum = 0;
  for (const [at, size] of sizes.entries()) {
    sum += size;
    const next = sizes[at + 1] ?? 0;
    if (sum - (at + 1) * next >= excess) return Math.floor((sum - excess) / (at + 1));
  }
  return 0;
}

type ShouldDrop = (usedAtMs: number) => boolean;
