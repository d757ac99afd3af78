import type { AskRedis } from "@fiberstream/redis/prompt-redis";

/** What became of an attempt to take a batch's id. */
export type Claim =
  /** `kept`: which events an earlier try has brought into Kafka (see `kept-events.ts`), if there was one. */
  | { readonly state: "ours"; readonly kept: string }
  | { readonly state: "busy" }
  | { readonly state: "reused" }
  | { readonly state: "settled"; readonly answer: string };

/** The name of one batch's one try. */
export type BatchTry = {
  readonly tenant: string;
  readonly batchId: string;
  readonly bodySha256: string;
  /** Different for every try. */
  readonly owner: string;
};

export type BatchStore = {
  claim: (batch: BatchTry) => Promise<Claim>;
  /** Stores the final answer. */
  settle: (batch: BatchTry, answer: string) => Promise<void>;
  /** Lets the next try begin, with what was kept by now ("" for nothing). */
  release: (batch: BatchTry, kept: string) => Promise<void>;
};

const REMEMBERED_MS = 24 * 60 * 60 * 1_000;
/** A try that has not ended by then has died with its gateway. */
const TRY_MAX_MS = 30_000;

const CLAIM = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'body', 'answer', 'untilMs', 'kept')
if found[1] and found[1] ~= ARGV[1] then return {'reused', ''} end
if found[2] then return {'settled', found[2]} end
if (tonumber(found[3]) or 0) > nowMs then return {'busy', ''} end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'owner', ARGV[2], 'untilMs', nowMs + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'ours', found[4] or ''}`;

/** A try that was taken for dead must not overwrite what the one after it has stored. */
const SETTLE = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'kept', 'untilMs', 'owner')
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

const RELEASE = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('HDEL', KEYS[1], 'untilMs', 'owner')
redis.call('HSET', KEYS[1], 'kept', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

/**
 * The ids of batches in Redis, each changed by one script, so that of two equal requests on two gateways
 * one is told that the other is at work.
 *
 * Each of its calls throws a TransientError while Redis is away.
 *
 * @param options.namespace prefix of the keys in Redis
 */
export function createBatchStore(options: { ask: AskRedis; namespace: string }): BatchStore {
  const { ask, namespace } = options;
  const run = (script: string, batch: BatchTry, parameters: readonly (string | number)[]) =>
    ask((client) =>
      client.eval(script, {
        keys: [`${namespace}batch:${batch.tenant}:${batch.batchId}`],
        arguments: parameters.map(String),
      }),
    );
  return {
    claim: async (batch) => {
      const { bodySha256, owner } = batch;
      const reply = await run(CLAIM, batch, [bodySha256, owner, TRY_MAX_MS, REMEMBERED_MS]);
      const [state, value] = reply as [Claim["state"], string];
      switch (state) {
        case "settled":
          return { state, answer: value };
        case "ours":
          return { state, kept: value };
        case "busy":
        case "reused":
          return { state };
      }
    },
    settle: async (batch, answer) => {
      await run(SETTLE, batch, [batch.owner, answer, REMEMBERED_MS]);
    },
    release: async (batch, kept) => {
      await run(RELEASE, batch, [batch.owner, kept, REMEMBERED_MS]);
    },
  };
}
