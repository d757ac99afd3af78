import { hash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";

/** The result of an attempt to claim a batch's id. */
export type Claim =
  /** `acknowledged`: the events of an earlier attempt that Kafka has (see `acknowledged-events.ts`), if there was one. */
  | { readonly state: "claimed"; readonly acknowledged: string }
  | { readonly state: "in-progress" }
  | { readonly state: "reused" }
  /** `body`: the body of the stored answer. */
  | { readonly state: "completed"; readonly body: string };

/** Identifies one attempt of one batch. */
export type BatchAttempt = {
  readonly tenant: string;
  readonly batchId: string;
  /** Hash of all that determines the answer, except the sender's permissions: 16 characters. */
  readonly request: string;
  /** Hash of the sender's permissions: 8 characters. */
  readonly permission: string;
  /** Random for each attempt: 11 characters. */
  readonly owner: string;
};

export type BatchStore = {
  claim: (batch: BatchAttempt) => Promise<Claim>;
  /** Stores the body of the final answer; for a minute only if its tenant's share of the memory is used up. */
  complete: (batch: BatchAttempt, body: string) => Promise<void>;
  /** Allows the next attempt to begin, with the events acknowledged by now ("" for none), which are stored like an answer. */
  release: (batch: BatchAttempt, acknowledged: string) => Promise<void>;
};

/** After so long an attempt counts as dead, with its gateway. */
const ATTEMPT_MAX_MS = 30_000;

/**
 * A record is one short text, because there is one for each batch of a day:
 *   "=", request, permission, answer                                             of a completed batch;
 *   "~", request, permission, owner, end of the attempt in ms, acknowledged      of one in progress or with events left.
 */
const RECORD = `
local record = redis.call('GET', KEYS[1])
local isOpen = record and string.sub(record, 1, 1) == '~'
local isOurs = isOpen and string.sub(record, 26, 36) == ARGV[1]`;

/** An earlier attempt with other permissions is ignored, because its answer depends on them. */
const CLAIM = `${RECORD}
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local acknowledged = ''
if record then
  if string.sub(record, 2, 17) ~= ARGV[2] then return {'reused', ''} end
  local isSame = string.sub(record, 18, 25) == ARGV[3]
  if isOpen then
    if tonumber(string.sub(record, 37, 49)) > nowMs then return {'in-progress', ''} end
    if isSame then acknowledged = string.sub(record, 50) end
  elseif isSame then return {'completed', string.sub(record, 26)} end
end
local untilMs = string.format('%013.0f', nowMs + ARGV[4])
redis.call('SET', KEYS[1], '~' .. ARGV[2] .. ARGV[3] .. ARGV[1] .. untilMs .. acknowledged, 'PX', ARGV[5])
return {'claimed', acknowledged}`;

/** The bytes of a tenant's records are counted in so many time slices of `memoryMs`. */
const SLICES = 24;
/** Redis' overhead for a record: 190 bytes for a text of 47 (docs/scaling.md). */
const RECORD_BYTES = 143;
/** How long an answer past its tenant's share is stored: a sender that did not receive its answer retries within seconds. */
const PAST_SHARE_MS = 60_000;

/** Stores a record for as long as is set, or for a minute only if its tenant's share is used up. */
const STORE = `
local function store(text, memoryMs, maxBytes)
  local time = redis.call('TIME')
  local sliceMs = memoryMs / ${SLICES}
  local slice = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / sliceMs)
  local slices, expired = {}, {}
  for back = 0, ${SLICES} do
    slices[back + 1] = string.format('%.0f', slice - back)
    expired[back + 1] = string.format('%.0f', slice - back - ${SLICES} - 1)
  end
  local counted = redis.call('HMGET', KEYS[2], unpack(slices))
  local held = 0
  for at = 1, ${SLICES} + 1 do held = held + (tonumber(counted[at]) or 0) end
  local bytes = #text + ${RECORD_BYTES}
  if held + bytes > tonumber(maxBytes) then
    redis.call('SET', KEYS[1], text, 'PX', math.min(memoryMs, ${PAST_SHARE_MS}))
    return 'past share'
  end
  redis.call('SET', KEYS[1], text, 'PX', memoryMs)
  if not counted[1] then redis.call('HDEL', KEYS[2], unpack(expired)) end
  redis.call('HSET', KEYS[2], slices[1], string.format('%.0f', (tonumber(counted[1]) or 0) + bytes))
  redis.call('PEXPIRE', KEYS[2], math.ceil(memoryMs + 2 * sliceMs))
  return 'stored'
end`;

/** An attempt that counted as dead must not overwrite what the next one has stored. */
const COMPLETE = `${RECORD}
if not isOurs then return 'not ours' end
${STORE}
return store('=' .. string.sub(record, 2, 25) .. ARGV[2], ARGV[3], ARGV[4])`;

/** The acknowledged events of 10,000 take 1.7 KB. They count anew with each attempt: a share is a maximum, not a sum. */
const RELEASE = `${RECORD}
if not isOurs then return 'not ours' end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  return 'removed'
end
${STORE}
return store(string.sub(record, 1, 36) .. string.rep('0', 13) .. ARGV[2], ARGV[3], ARGV[4])`;

/**
 * Stores the ids of batches in Redis. Each is changed by one script, so that of two equal requests to two gateways only
 * one is processed.
 *
 * Each call throws a TransientError while Redis is unavailable.
 *
 * @param options.namespace prefix of the keys in Redis
 * @param options.memoryMs how long a batch is remembered
 * @param options.maxTenantBytes maximum of memory for a tenant's answers and acknowledged events
 * @param options.countPastShare called for each batch past that maximum
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
    { tenant, batchId, owner }: BatchAttempt,
    parameters: readonly (string | number)[],
  ) =>
    ask((client) =>
      client.eval(script, {
        keys: [
          `${namespace}batch:${shortHash(`${tenant} ${batchId}`, 22)}`,
          // No batch has this key: a hash has no ":".
          `${namespace}batch:of:${tenant}`,
        ],
        arguments: [owner, ...parameters.map(String)],
      }),
    );
  const store = async (script: string, batch: BatchAttempt, text: string) => {
    const result = await run(script, batch, [text, memoryMs, maxTenantBytes]);
    if (result === "past share") countPastShare();
  };
  return {
    claim: async (batch) => {
      const { request, permission } = batch;
      const reply = await run(CLAIM, batch, [request, permission, ATTEMPT_MAX_MS, memoryMs]);
      const [state, value] = reply as [Claim["state"], string];
      switch (state) {
        case "completed":
          return { state, body: restoredAnswer(value, batch.batchId) };
        case "claimed":
          return { state, acknowledged: value };
        case "in-progress":
        case "reused":
          return { state };
      }
    },
    complete: (batch, body) => store(COMPLETE, batch, storedAnswer(body, batch.batchId)),
    release: (batch, acknowledged) => store(RELEASE, batch, acknowledged),
  };
}

/** Returns a hash with 6 bits of SHA-256 for each character. */
export const shortHash = (text: string, characters: number): string =>
  hash("sha256", text, "base64url").slice(0, characters);

/** Below this, compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 1_024;

/**
 * Phrases that answers have in common. Each is stored as one control character, which JSON never has unescaped. Its index
 * is part of the stored format: add new phrases at the end.
 */
const PHRASES = [
  '{"status":"accepted","message":"Queued ',
  ' metrics","data":{"batch_id":"',
  '","source_region":',
  ',"accepted":',
  ',"rejected":0,"retry":0},"results":[]}',
  '{"status":"accepted","event_id":"',
] as const;
const BATCH_ID = "\u0001";
const FIRST_PHRASE = 2;
const DEFLATED = "\u001f";

/**
 * Compresses the body of a 202 for Redis, where there is one for each batch of a day: the usual 190 bytes become 22. The
 * answer for 10,000 rejected events has 0.5 MB, of which 30 KB are stored.
 */
export function storedAnswer(body: string, batchId: string): string {
  if (body.length >= COMPRESS_FROM_BYTES) {
    return DEFLATED + deflateRawSync(body).toString("base64");
  }
  let stored = body.replaceAll(batchId, BATCH_ID);
  for (const [at, phrase] of PHRASES.entries()) {
    stored = stored.replace(phrase, String.fromCharCode(FIRST_PHRASE + at));
  }
  return stored;
}

/** Returns the body that was stored, byte for byte. */
export function restoredAnswer(stored: string, batchId: string): string {
  if (stored.startsWith(DEFLATED)) {
    return inflateRawSync(Buffer.from(stored.slice(1), "base64")).toString();
  }
  let body = stored;
  for (const [at, phrase] of PHRASES.entries()) {
    body = body.replace(String.fromCharCode(FIRST_PHRASE + at), () => phrase);
  }
  return body.replaceAll(BATCH_ID, () => batchId);
}
