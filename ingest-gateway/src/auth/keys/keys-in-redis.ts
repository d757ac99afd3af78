import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";

export type RememberedKey = {
  /** As some gateway read it, and how long ago that reading was begun; undefined where Redis has none. */
  readonly found: { readonly key: ApiKey; readonly ageMs: number } | undefined;
  /** Redis's time of this answer, in ms: what is read elsewhere from now on is no older. */
  readonly askedAtMs: number;
};

export type KeysInRedis = {
  /** @throws {TransientError} */
  get: (name: KeyName) => Promise<RememberedKey>;
  /**
   * Remembers a reading that was begun after `askedAtMs`, unless Redis has a younger one. A reading without a key makes
   * Redis forget: that there is none is not remembered, since everybody can ask for keys that there are not.
   * @throws {TransientError}
   */
  put: (name: KeyName, key: ApiKey | undefined, askedAtMs: number) => Promise<void>;
};

/**
 * Long past its freshness: a gateway that starts while PostgreSQL is unavailable still knows the keys of
 * the last day.
 */
const KEPT_MS = 24 * 60 * 60 * 1_000;

/** A record is the time before its reading, a space and the key as JSON; all times are of Redis's own clock. */
const NOW = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('GET', KEYS[1]) or ''`;

const GET = `${NOW}
return {record, string.format('%.0f', nowMs)}`;

/** A time that is still to come is another clock's, of a Redis that has failed over: it counts for nothing. */
const PUT = `${NOW}
local knownMs = tonumber(string.match(record, '^%d+') or '')
if knownMs and knownMs > tonumber(ARGV[1]) and knownMs <= nowMs then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3]) end
return 1`;

/** @param options.namespace prefix of the keys in Redis */
export function createKeysInRedis(options: { ask: AskRedis; namespace: string }): KeysInRedis {
  const { ask, namespace } = options;
  const run = (script: string, name: KeyName, parameters: readonly string[]) =>
    ask((client) =>
      client.eval(script, {
        keys: [`${namespace}api-key:${nameText(name)}`],
        arguments: [...parameters],
      }),
    );
  return {
    get: async (name) => {
      const [record, now] = (await run(GET, name, [])) as [string, string];
      const askedAtMs = Number(now);
      const [, readAt, json] = /^(\d+) (.*)$/s.exec(record) ?? [];
      if (readAt === undefined || json === undefined) return { found: undefined, askedAtMs };
      const ageMs = askedAtMs - Number(readAt);
      // From a clock that was ahead: nobody knows how old it is.
      const found = { key: JSON.parse(json) as ApiKey, ageMs: ageMs < 0 ? Infinity : ageMs };
      return { found, askedAtMs };
    },
    put: async (name, key, askedAtMs) => {
      const json = key === undefined ? "" : JSON.stringify(key);
      await run(PUT, name, [String(askedAtMs), json, String(KEPT_MS)]);
    },
  };
}
