import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";

/** The keys that an issuer publishes. */
export type IssuerKeys = {
  /**
   * Returns the key for a token; fetches the keys first if there are none or they are old.
   * @throws what jose throws if no key fits the token
   */
  readonly keyFor: JWTVerifyGetKey;
  /**
   * Fetches the keys unless they were fetched after `since` (of `performance.now()`), if they may be fetched now.
   * @returns whether they were fetched after `since`
   * @throws when fetching fails
   */
  readonly areFetchedSince: (since: number) => Promise<boolean>;
};

/** Anybody can make tokens that name unknown keys: such tokens cause no more fetches than this. */
const FETCH_AT_MOST_EVERY_MS = 5_000;
/** How long fetched keys are used: a withdrawn key works for so long. */
const CACHE_MS = 10 * 60 * 1_000;
const FETCH_TIMEOUT_MS = 2_000;

export function createIssuerKeys(options: {
  jwksUrl: string;
  fetchAtMostEveryMs?: number;
}): IssuerKeys {
  const { jwksUrl, fetchAtMostEveryMs = FETCH_AT_MOST_EVERY_MS } = options;
  let triedAt = -Infinity;
  let fetchedAt = -Infinity;
  const mayFetch = () => performance.now() - triedAt >= fetchAtMostEveryMs;

  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cacheMaxAge: CACHE_MS,
    // `mayFetch` decides whether to fetch again for an unknown key: jose's cooldown counts only successful fetches.
    cooldownDuration: Infinity,
    [customFetch]: async (url, init) => {
      if (!mayFetch()) throw new Error("the keys were fetched a moment ago");
      triedAt = performance.now();
      return fetch(url, init);
    },
  });

  const fetchKeys = async () => {
    await keys.reload();
    fetchedAt = triedAt;
  };

  return {
    keyFor: async (header, token) => {
      if (!keys.fresh) await fetchKeys();
      return keys(header, token);
    },
    areFetchedSince: async (since) => {
      if (fetchedAt < since && (keys.reloading || mayFetch())) await fetchKeys();
      return fetchedAt >= since;
    },
  };
}
