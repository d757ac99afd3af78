import { hash, randomBytes } from "node:crypto";
import type { Answer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import type { Sender } from "../auth/sender.ts";
import type { BodyFormat } from "../request/media-type.ts";
import { createAcknowledgedEvents, type AcknowledgedEvents } from "./acknowledged-events.ts";
import type { BatchProtection } from "./batch-protection.ts";
import { type BatchStore, type BatchAttempt, shortHash } from "./batch-store.ts";

/**
 * Handles a request with an X-Batch-ID once, and answers equal requests with the stored answer. Refusals are not stored:
 * nothing was written, and their cause may be gone when the request is sent again.
 *
 * @param handle gets the events that Kafka has acknowledged in earlier attempts, and adds its own. Its answer is final
 *   unless events have to be sent again
 * @throws {Refusal} BATCH_IN_PROGRESS, BATCH_ID_REUSED, and what `handle` throws
 */
export type HandleIdempotently = (
  request: IdempotentRequest,
  handle: (acknowledged: AcknowledgedEvents) => Promise<{ answer: Answer; isFinal: boolean }>,
) => Promise<Answer>;

/** All that determines an answer. */
export type IdempotentRequest = {
  readonly batchId: string | undefined;
  readonly route: "push" | "ingest";
  readonly format: BodyFormat;
  readonly sourceRegion: string | null;
  readonly sender: Pick<Sender, "tenant" | "nodePattern">;
  readonly body: Buffer;
};

export function createIdempotency(options: {
  store: BatchStore;
  countReplay: () => void;
  /** Called for each batch whose id could not be looked up, or whose answer could not be stored. */
  countUnprotected: () => void;
  protection: Pick<BatchProtection, "failed">;
}): HandleIdempotently {
  const { store, countReplay, countUnprotected, protection } = options;

  const claim = async (batch: BatchAttempt) => {
    try {
      return await store.claim(batch);
    } catch (error) {
      protection.failed(error);
      return undefined;
    }
  };

  /** Returns false if storing fails: the answer is sent all the same. */
  const tryStore = async (work: Promise<void>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      protection.failed(error);
      return false;
    }
  };

  const unprotected = (answer: Answer): Answer => {
    countUnprotected();
    return { ...answer, headers: { ...answer.headers, "Idempotent-Protection": "off" } };
  };

  return async (request, handle) => {
    const { batchId } = request;
    if (batchId === undefined) return (await handle(createAcknowledgedEvents())).answer;
    const batch = { ...identityOf(request), batchId };
    const claimed = await claim(batch);
    if (claimed === undefined)
      return unprotected((await handle(createAcknowledgedEvents())).answer);
    switch (claimed.state) {
      case "in-progress":
        throw new Refusal(
          "BATCH_IN_PROGRESS",
          "this batch is already being processed: send it again in a second",
        );
      case "reused":
        throw new Refusal(
          "BATCH_ID_REUSED",
          "X-Batch-ID was used for another body, route, media type or region: give each batch a new UUID",
        );
      case "completed":
        countReplay();
        return replayedAnswer(claimed.body);
      case "claimed":
        break;
    }
    const acknowledged = createAcknowledgedEvents(claimed.acknowledged);
    const { answer, isFinal } = await handle(acknowledged).catch(async (error: unknown) => {
      await tryStore(store.release(batch, acknowledged.text()));
      throw error;
    });
    const isStored = await tryStore(
      isFinal ? store.complete(batch, answer.body) : store.release(batch, acknowledged.text()),
    );
    return isStored ? answer : unprotected(answer);
  };
}

function identityOf({ route, format, sourceRegion, sender, body }: IdempotentRequest) {
  const determinants = [route, format, sourceRegion, hash("sha256", body)];
  return {
    tenant: sender.tenant,
    request: shortHash(JSON.stringify(determinants), 16),
    permission: shortHash(sender.nodePattern ?? "*", 8),
    owner: randomBytes(8).toString("base64url"),
  };
}

/** Returns a stored answer. All stored answers are 202 with JSON. */
export const replayedAnswer = (body: string): Answer => ({
  status: 202,
  contentType: "application/json",
  headers: { "Idempotent-Replayed": "true" },
  body,
});
