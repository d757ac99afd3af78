import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";

/** The keys that an issuer publishes. */
export type IssuerKeys = {
  /**
   * Fetches them when there are none or they are old.
   * @throws what jose throws when none fits a token
   */
  readonly keyFor: JWTVerifyGetKey;
  /**
   * Makes sure that the keys were fetched after `since` (of `performance.now()`), if they may be fetched now.
   * @returns whether they were
   * @throws when they cannot be had
   */
  readonly areFetchedSince: (since: number) => Promise<boolean>;
};

/** Everybody can make tokens that name keys which there are not: the issuer is asked no more often for that. */
const FETCH_AT_MOST_EVERY_MS = 5_000;
/** For how long keys are believed without asking: a withdrawn one is good for so long. */
const BELIEVED_MS = 10 * 60 * 1_000;
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
    cacheMaxAge: BELIEVED_MS,
    // Whether to ask again for a key that is not there is decided here: jose counts only what it got, not what it tried.
    cooldownDuration: Infinity,
    [customFetch]: async (url, init) => {
      if (!mayFetch()) throw new Error("the keys were asked for a moment ago");
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
