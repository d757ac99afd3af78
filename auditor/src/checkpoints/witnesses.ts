import { setTimeout as delay } from "node:timers/promises";
import type { VerifierKey } from "@fiberstream/audit/checkpoints/signing-keys";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { WitnessOutcome } from "../auditor-metrics.ts";
import { cosignedNote } from "./cosigned-note.ts";

export type Witnesses = {
  /** Sends a checkpoint to each witness, in the background. Never throws. */
  send: (note: string) => void;
  /** Gives up what is being sent. */
  close: () => Promise<void>;
};

const TRIES = 3;
const MAX_ANSWER_BYTES = 4_096;

/**
 * Sends checkpoints to other people's servers, so that somebody else knows what was signed. A witness gets one checkpoint at a time; of
 * those that are signed meanwhile it gets the newest.
 *
 * @param options.keys all keys of this trail, the former ones too
 * @param options.onCosigned gets the note with the signature lines that a witness has answered. It never throws
 */
export function createWitnesses(options: {
  urls: readonly string[];
  origin: string;
  keys: readonly VerifierKey[];
  timeoutMs: number;
  onCosigned: (note: string) => Promise<void>;
  count: (outcome: WitnessOutcome) => void;
  log: Log;
}): Witnesses {
  const { timeoutMs, onCosigned, count, log } = options;
  const closing = new AbortController();
  const sendTo = async (url: string, note: string) => {
    for (let tries = 1; ; tries++) {
      try {
        const answer = await post(url, note, { timeoutMs, closing: closing.signal });
        const cosigned = cosignedNote(note, answer, options);
        if (cosigned === "none") {
          count("accepted");
        } else if (cosigned === "unusable") {
          count("unusable");
          const { host } = new URL(url);
          log.warn({ witness: host }, "no signature line in the answer of the witness can be kept");
        } else {
          count("cosigned");
          await onCosigned(cosigned.note);
        }
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        const { host } = new URL(url);
        if (tries === TRIES) {
          count("failed");
          log.error({ witness: host, tries, reason: messageOf(error) }, "checkpoint not witnessed");
          return;
        }
        log.warn({ witness: host, tries, reason: messageOf(error) }, "witness failed, retrying");
        await delay(retryDelayMs(tries), undefined, { signal: closing.signal }).catch(
          () => undefined,
        );
      }
    }
  };
  const queues = options.urls.map((url) => createQueue((note) => sendTo(url, note)));
  return {
    send: (note) => {
      for (const queue of queues) queue.add(note);
    },
    close: async () => {
      closing.abort();
      await Promise.all(queues.map((queue) => queue.idle()));
    },
  };
}

/** Runs one at a time, and keeps only the newest of those that wait. */
function createQueue(work: (note: string) => Promise<void>) {
  let waiting: string | undefined;
  let running: Promise<void> | undefined;
  const run = async () => {
    for (let note = waiting; note !== undefined; note = waiting) {
      waiting = undefined;
      await work(note);
    }
    running = undefined;
  };
  return {
    add: (note: string) => {
      waiting = note;
      running ??= run();
    },
    idle: async () => {
      waiting = undefined;
      await running;
    },
  };
}

/** @returns the answer's text */
async function post(
  url: string,
  note: string,
  { timeoutMs, closing }: { timeoutMs: number; closing: AbortSignal },
): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: note,
    redirect: "error",
    signal: AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]),
  });
  const text = await readStart(response, MAX_ANSWER_BYTES);
  if (!response.ok) throw new Error(`answer ${response.status}`);
  return text;
}

/** Reads no more than `maxBytes` of an answer. */
async function readStart(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString();
}
