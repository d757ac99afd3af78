import { hash } from "node:crypto";
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
  /** Everything that the answer follows from, but for the sender's rights: 16 characters. */
  readonly request: string;
  /** What the sender may do: 8 characters. */
  readonly permission: string;
  /** Different for every try: 11 characters. */
  readonly owner: string;
};

export type BatchStore = {
  claim: (batch: BatchTry) => Promise<Claim>;
  /** Stores the final answer; past its tenant's share of the memory for a minute only. */
  settle: (batch: BatchTry, answer: string) => Promise<void>;
  /** Lets the next try begin, with what was kept by now ("" for nothing). */
  release: (batch: BatchTry, kept: string) => Promise<void>;
};

/** A try that has not ended by then has died with its gateway. */
const TRY_MAX_MS = 30_000;

/**
 * A record is one short text, since there is one for each batch of a day:
 *   "=", request, permission, answer                                 of a batch that is settled;
 *   "~", request, permission, owner, end of the try in ms, kept      of one that is being handled or has some left.
 */
const RECORD = `
local record = redis.call('GET', KEYS[1])
local isOpen = record and string.sub(record, 1, 1) == '~'
local isOurs = isOpen and string.sub(record, 26, 36) == ARGV[1]`;

/** With other rights an earlier try counts for nothing: its answer said what its sender may do. */
const CLAIM = `${RECORD}
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = ''
if record then
  if string.sub(record, 2, 17) ~= ARGV[2] then return {'reused', ''} end
  local isSame = string.sub(record, 18, 25) == ARGV[3]
  if isOpen then
    if tonumber(string.sub(record, 37, 49)) > nowMs then return {'busy', ''} end
    if isSame then kept = string.sub(record, 50) end
  elseif isSame then return {'settled', string.sub(record, 26)} end
end
local untilMs = string.format('%013.0f', nowMs + ARGV[4])
redis.call('SET', KEYS[1], '~' .. ARGV[2] .. ARGV[3] .. ARGV[1] .. untilMs .. kept, 'PX', ARGV[5])
return {'ours', kept}`;

/** A tenant's answers are counted by the part of the memory's time that they were stored in. */
const PARTS = 24;
/** What Redis holds of a record beside its text: 190 bytes for a text of 47 (docs/scaling.md). */
const RECORD_BYTES = 143;
/** How long an answer is remembered that is past its tenant's share: a sender that got none comes again within seconds. */
const PAST_SHARE_MS = 60_000;

/** A try that was taken for dead must not overwrite what the one after it has stored. */
const SETTLE = `${RECORD}
if not isOurs then return 'not ours' end
local time = redis.call('TIME')
local partMs = ARGV[3] / ${PARTS}
local part = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / partMs)
local parts, gone = {}, {}
for back = 0, ${PARTS} do
  parts[back + 1] = string.format('%.0f', part - back)
  gone[back + 1] = string.format('%.0f', part - back - ${PARTS} - 1)
end
local counted = redis.call('HMGET', KEYS[2], unpack(parts))
local held = 0
for at = 1, ${PARTS} + 1 do held = held + (tonumber(counted[at]) or 0) end
local text = '=' .. string.sub(record, 2, 25) .. ARGV[2]
local bytes = #text + ${RECORD_BYTES}
if held + bytes > tonumber(ARGV[4]) then
  redis.call('SET', KEYS[1], text, 'PX', math.min(ARGV[3], ${PAST_SHARE_MS}))
  return 'past share'
end
redis.call('SET', KEYS[1], text, 'PX', ARGV[3])
if not counted[1] then redis.call('HDEL', KEYS[2], unpack(gone)) end
redis.call('HSET', KEYS[2], parts[1], string.format('%.0f', (tonumber(counted[1]) or 0) + bytes))
redis.call('PEXPIRE', KEYS[2], math.ceil(ARGV[3] + 2 * partMs))
return 'stored'`;

const RELEASE = `${RECORD}
if not isOurs then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
local untilMs = string.rep('0', 13)
redis.call('SET', KEYS[1], string.sub(record, 1, 36) .. untilMs .. ARGV[2], 'PX', ARGV[3])
return 1`;

/**
 * The ids of batches in Redis, each changed by one script, so that of two equal requests on two gateways
 * one is told that the other is at work.
 *
 * Each of its calls throws a TransientError while Redis is away.
 *
 * @param options.namespace prefix of the keys in Redis
 * @param options.memoryMs how long a batch is remembered
 * @param options.maxTenantBytes what the answers to a tenant's batches may take
 * @param options.countPastShare told of each answer that found no room in it
 */
export function createBatchStore(options: {
  ask: AskRedis;
  namespace: string;
  memoryMs: number;
  maxTenantBytes: number;
  countPastShare: () => void;
}): BatchStore {
  const { ask, namespace, memoryMs, maxTenantBytes, countPastShare } = options;
  const run = (
    script: string,
    { tenant, batchId, owner }: BatchTry,
    parameters: readonly (string | number)[],
  ) =>
    ask((client) =>
      client.eval(script, {
        keys: [
          `${namespace}batch:${shortHash(`${tenant} ${batchId}`, 22)}`,
          // No batch is called so.
          `${namespace}batch:of:${tenant}`,
        ],
        arguments: [owner, ...parameters.map(String)],
      }),
    );
  return {
    claim: async (batch) => {
      const { request, permission } = batch;
      const reply = await run(CLAIM, batch, [request, permission, TRY_MAX_MS, memoryMs]);
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
      const settled = await run(SETTLE, batch, [answer, memoryMs, maxTenantBytes]);
      if (settled === "past share") countPastShare();
    },
    release: async (batch, kept) => {
      await run(RELEASE, batch, [kept, memoryMs]);
    },
  };
}

/** 6 bits of SHA-256 for each character. */
export const shortHash = (text: string, characters: number): string =>
  hash("sha256", text, "base64url").slice(0, characters);
