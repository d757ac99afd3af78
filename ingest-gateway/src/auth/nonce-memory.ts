export type NonceMemory = {
  /** Whether a key's nonce was not used before; from now on it was. */
  readonly isNew: (keyId: string, nonce: string) => boolean;
  readonly count: () => number;
};

/**
 * The nonces of the last while, by key. When there is no room for more the oldest go of the key that has most: a key
 * that floods makes others forget none of theirs.
 *
 * @param options.keptMs how long a nonce counts as used
 */
export function createNonceMemory(options: {
  maxNonces: number;
  keptMs: number;
  now?: () => number;
}): NonceMemory {
  const { maxNonces, keptMs, now = () => performance.now() } = options;
  /** When each nonce was used, the oldest first. */
  const byKey = new Map<string, Map<string, number>>();
  let count = 0;

  const forget = (keyId: string, nonces: Map<string, number>, isToGo: IsToGo) => {
    for (const [nonce, usedAtMs] of nonces) {
      if (!isToGo(usedAtMs)) break;
      nonces.delete(nonce);
      count--;
    }
    if (nonces.size === 0) byKey.delete(keyId);
  };
  const isTooOld: IsToGo = (usedAtMs) => usedAtMs <= now() - keptMs;

  const makeRoom = () => {
    let fullest: readonly [string, Map<string, number>] | undefined;
    for (const [keyId, nonces] of byKey) {
      forget(keyId, nonces, isTooOld);
      if (nonces.size > (fullest?.[1].size ?? 0)) fullest = [keyId, nonces];
    }
    if (count <= maxNonces || fullest === undefined) return;
    // A tenth at once, so that a flood seldom looks through all keys.
    let toGo = Math.ceil(fullest[1].size / 10);
    forget(...fullest, () => toGo-- > 0);
  };

  return {
    count: () => count,
    isNew: (keyId, nonce) => {
      const known = byKey.get(keyId);
      if (known !== undefined) forget(keyId, known, isTooOld);
      const nonces = byKey.get(keyId) ?? new Map<string, number>();
      if (nonces.has(nonce)) return false;
      nonces.set(nonce, now());
      byKey.set(keyId, nonces);
      count++;
      if (count > maxNonces) makeRoom();
      return true;
    },
  };
}

type IsToGo = (usedAtMs: number) => boolean;
