import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";

/** A key as some gateway read it, null where there was none, and how long ago that was. */
export type RememberedKey = { readonly key: ApiKey | null; readonly ageMs: number };

export type KeysInRedis = {
  /** @throws {TransientError} */
  get: (name: KeyName) => Promise<RememberedKey | undefined>;
  /** @throws {TransientError} */
  put: (name: KeyName, key: ApiKey | null) => Promise<void>;
};

/**
 * Long past its freshness: a gateway that starts while PostgreSQL is away still knows the keys of
 * the last day. Ages are counted by Redis's own clock, from the time that is left of this.
 */
const KEPT_MS = 24 * 60 * 60 * 1_000;

/** @param options.namespace prefix of the keys in Redis */
export function createKeysInRedis(options: { ask: AskRedis; namespace: string }): KeysInRedis {
  const { ask, namespace } = options;
  const at = (name: KeyName) => `${namespace}api-key:${nameText(name)}`;
  return {
    get: (name) =>
      ask(async (client) => {
        const [text, leftMs] = await Promise.all([client.get(at(name)), client.pTTL(at(name))]);
        if (text === null || leftMs < 0) return undefined;
        return { key: JSON.parse(text) as ApiKey | null, ageMs: KEPT_MS - leftMs };
      }),
    put: (name, key) =>
      ask(async (client) => {
        await client.set(at(name), JSON.stringify(key), {
          expiration: { type: "PX", value: KEPT_MS },
        });
      }),
  };
}
