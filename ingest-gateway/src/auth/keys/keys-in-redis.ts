import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";

export type RememberedKey = {
  /** The key as a gateway has read it, and how long ago that reading began; undefined if Redis has none. */
  readonly found: { readonly key: ApiKey; readonly ageMs: number } | undefined;
  /** Redis' time of this answer, in ms: a reading that begins after it is not older. */
  readonly askedAtMs: number;
};

export type KeysInRedis = {
  /** @throws {TransientError} */
  get: (name: KeyName) => Promise<RememberedKey>;
  /**
   * Stores a reading that began after `askedAtMs`, unless Redis has a newer one. A reading without a key deletes the
   * record: absence is not stored, because anybody can ask for any number of absent keys.
   * @throws {TransientError}
   */
  put: (name: KeyName, key: ApiKey | undefined, askedAtMs: number) => Promise<void>;
};

/**
 * Much longer than a key's maximum age, so that a gateway that starts while PostgreSQL is unavailable has the keys of
 * the last day.
 */
const TTL_MS = 24 * 60 * 60 * 1_000;

/** A record is the time at which its reading began, a space, and the key as JSON. All times are of Redis' clock. */
const NOW = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('GET', KEYS[1]) or ''`;

const GET = `${NOW}
return {record, string.format('%.0f', nowMs)}`;

/** A time in the future is from another clock, after a failover of Redis: it is ignored. */
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
      // Negative: the record is from a clock that was ahead, so its age is unknown.
      const found = { key: JSON.parse(json) as ApiKey, ageMs: ageMs < 0 ? Infinity : ageMs };
      return { found, askedAtMs };
    },
    put: async (name, key, askedAtMs) => {
      const json = key === undefined ? "" : JSON.stringify(key);
      await run(PUT, name, [String(askedAtMs), json, String(TTL_MS)]);
    },
  };
}
