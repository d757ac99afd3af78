import { hash, randomUUID } from "node:crypto";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { Sender } from "../auth/sender.ts";
import type { Answer } from "../answer.ts";
import { meaningOf } from "../codes.ts";
import { Refusal } from "../refusal.ts";
import type { BatchStore, BatchTry } from "./batch-store.ts";
import { createKeptEvents, type KeptEvents } from "./kept-events.ts";
import { replayedAnswer, storedAnswer } from "./stored-answer.ts";

/**
 * Handles a request's body once, if it has an id of its own.
 *
 * @param handle is given which events an earlier try has kept, and adds those that it keeps. Its answer is final
 *   unless events are left over
 * @throws {Refusal} BATCH_IN_PROGRESS, BATCH_ID_REUSED, and what `handle` throws
 */
export type Once = (
  request: OnceRequest,
  handle: (kept: KeptEvents) => Promise<{ answer: Answer; isFinal: boolean }>,
) => Promise<Answer>;

export type OnceRequest = {
  readonly batchId: string | undefined;
  readonly sender: Sender;
  readonly body: Buffer;
  /** Makes a refusal's answer, to be stored like any other. */
  readonly answerOf: (refusal: Refusal) => Answer;
};

export function createOnce(options: {
  store: BatchStore;
  countReplay: () => void;
  log: Log;
}): Once {
  const { store, countReplay, log } = options;

  const claim = async (batch: BatchTry) => {
    try {
      return await store.claim(batch);
    } catch (error) {
      log.debug({ reason: messageOf(error) }, "a batch is taken without protection from repeats");
      return undefined;
    }
  };

  /** Its answer stands, whether or not it can be remembered. */
  const remember = async (work: Promise<void>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, "a batch's answer could not be stored");
      return false;
    }
  };

  return async ({ batchId, sender, body, answerOf }, handle) => {
    if (batchId === undefined) return (await handle(createKeptEvents())).answer;
    const batch: BatchTry = {
      tenant: sender.tenant,
      batchId,
      bodySha256: hash("sha256", body),
      owner: randomUUID(),
    };
    const claimed = await claim(batch);
    if (claimed === undefined) return unprotected((await handle(createKeptEvents())).answer);
    switch (claimed.state) {
      case "busy":
        throw new Refusal(
          "BATCH_IN_PROGRESS",
          "this batch is being handled: ask again in a second",
        );
      case "reused":
        throw new Refusal(
          "BATCH_ID_REUSED",
          "X-Batch-ID was used for another body within 24 hours: give each batch a new UUID",
        );
      case "settled":
        countReplay();
        return replayedAnswer(claimed.answer);
      case "ours":
        break;
    }
    const kept = createKeptEvents(claimed.kept);
    const { answer, isFinal } = await settled(
      () => handle(kept),
      answerOf,
      () => remember(store.release(batch, kept.text())),
    );
    const isStored = await remember(
      isFinal ? store.settle(batch, storedAnswer(answer)) : store.release(batch, kept.text()),
    );
    return isStored ? answer : unprotected(answer);
  };
}

/** Turns refusals that would come again into answers; the others let the next try begin. */
async function settled(
  handle: () => Promise<{ answer: Answer; isFinal: boolean }>,
  answerOf: (refusal: Refusal) => Answer,
  release: () => Promise<unknown>,
) {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof Refusal && isSettled(error)) {
      return { answer: answerOf(error), isFinal: true };
    }
    await release();
    throw error;
  }
}

const isSettled = ({ code }: Refusal): boolean => {
  const { status, retryAfterSeconds } = meaningOf(code);
  return status < 500 && retryAfterSeconds === undefined;
};

const unprotected = (answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, "Idempotent-Protection": "off" },
});
