import { setTimeout as delay } from "node:timers/promises";
import type { ProbeEvent } from "@fiberstream/schemas/generated/records";
import { batchesOf, type EventBatch } from "./event-batches.ts";
import { postBatch } from "./post-batch.ts";

export type SenderOptions = {
  /** Address of the gateway, e.g. "http://127.0.0.1:8000". */
  readonly url: string;
  /** An API key or a JWT. Without a token only a gateway with AUTH_MODE=open accepts events. */
  readonly token?: string;
  /** The relay's region, stored as `source_region`. */
  readonly regionId?: string;
  /** How often a batch is sent at most; default 10, which takes about 4 minutes. */
  readonly maxTries?: number;
  /** Ends the pauses between attempts; the current batch is then given up. */
  readonly signal?: AbortSignal;
};

/** An event that the gateway rejected; `index` counts in the array that was passed. */
export type Rejection = {
  readonly index: number;
  readonly code: string;
  readonly field?: string;
  readonly message?: string;
};

export type SendResult = { readonly accepted: number; readonly rejected: readonly Rejection[] };

/**
 * Sends events. When it resolves, each event is acknowledged by all in-sync replicas of Kafka, or is in `rejected`.
 * @throws {SendError}
 */
export type Sender = (events: readonly ProbeEvent[]) => Promise<SendResult>;

/**
 * A batch was not accepted: the gateway rejected it, or all attempts failed. It is safe to send it again later, because
 * its events keep their ids.
 */
export class SendError extends Error {
  override readonly name = "SendError";
  /** HTTP status of the last answer; undefined if there was none. */
  readonly status: number | undefined;
  /** The gateway's error code, e.g. "INVALID_TOKEN". */
  readonly code: string | undefined;
  /** How many events of the array are before this batch; those are accepted or rejected. */
  readonly settledEvents: number;

  constructor(
    message: string,
    facts: { status: number | undefined; code: string | undefined; settledEvents: number },
  ) {
    super(message);
    this.status = facts.status;
    this.code = facts.code;
    this.settledEvents = facts.settledEvents;
  }
}

/** Creates a sender that retries after transient failures, with the same X-Batch-ID for all attempts of a batch. */
export function createSender(options: SenderOptions): Sender {
  const { url, token, regionId, maxTries = 10, signal } = options;
  const target = new URL(`${url.replace(/\/$/, "")}/api/ingest`);
  const headers = {
    "content-type": "application/x-ndjson",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(regionId !== undefined && { "x-region-id": regionId }),
  };

  const sendBatch = async (
    { body, count }: EventBatch,
    settledEvents: number,
  ): Promise<SendResult> => {
    const batchId = crypto.randomUUID();
    for (let tries = 1; ; tries++) {
      const outcome = await postBatch({
        target,
        headers: { ...headers, "x-batch-id": batchId },
        body,
        count,
      });
      switch (outcome.kind) {
        case "settled":
          return outcome.result;
        case "refused":
          throw new SendError(outcome.message, { ...outcome, settledEvents });
        case "retry":
          if (tries >= maxTries) {
            const message = `gave up after ${tries} attempts: ${outcome.message}`;
            throw new SendError(message, { ...outcome, settledEvents });
          }
          await delay(outcome.afterMs ?? pauseMs(tries), undefined, { signal });
      }
    }
  };

  return async (events) => {
    let accepted = 0;
    let sent = 0;
    const rejected: Rejection[] = [];
    for (const batch of batchesOf(events)) {
      const result = await sendBatch(batch, sent);
      accepted += result.accepted;
      for (const one of result.rejected) rejected.push({ ...one, index: sent + one.index });
      sent += batch.count;
    }
    return { accepted, rejected };
  };
}

/** Returns the pause: 1 s, doubling up to a minute, with jitter, so that many probes do not retry at the same moment. */
function pauseMs(tries: number): number {
  const ceilingMs = Math.min(60_000, 1_000 * 2 ** (tries - 1));
  return ceilingMs * (0.5 + Math.random() / 2);
}
