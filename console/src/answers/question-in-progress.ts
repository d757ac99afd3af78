import { type Asking, askingFor } from "../questions/asking.ts";
import { type Answer, inBytes } from "./answer.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import { AskerGone } from "./asker-gone.ts";

const MIN_BYTES = 1_024;

/** A question that is being answered, for all who ask it meanwhile. */
export type QuestionInProgress = {
  /**
   * Waits for the answer, whose memory is counted for this reader until it is received.
   * @throws the reason of `gone`, at once; with the last asker that leaves, the work is cancelled
   */
  readonly join: (readerId: string, gone: AbortSignal) => Promise<Answer>;
};

/**
 * Begins to answer a question.
 * @param options.readerId for whom the memory of the work is counted
 * @param options.answer gets a signal that is aborted when all askers have left
 */
export function beginQuestion(options: {
  memory: AnswerMemory;
  readerId: string;
  answer: (gone: AbortSignal) => Promise<Answer>;
  ended: () => void;
}): QuestionInProgress {
  const { memory, readerId, answer, ended } = options;
  const abandoned = new AbortController();
  let askers = 0;

  const make = async () => {
    const work = memory.hold(readerId);
    const asking: Asking = { gone: abandoned.signal, received: work.grow };
    try {
      // Without memory for the smallest answer the database need not be asked.
      work.grow(MIN_BYTES);
      return inBytes(await askingFor(asking, () => answer(abandoned.signal)));
    } finally {
      work.release();
      ended();
    }
  };
  const made = make();
  // Each asker gets the error; without any, it concerns nobody.
  made.catch(() => undefined);

  return {
    join: async (asker, gone) => {
      askers++;
      try {
        const given = await unlessGone(made, gone);
        return unreadAnswer(memory, asker, given);
      } finally {
        askers--;
        if (askers === 0) {
          ended();
          abandoned.abort(new AskerGone());
        }
      }
    },
  };
}

/**
 * Counts an answer as memory of its asker until it is received.
 * @throws {Refusal}
 */
export function unreadAnswer(memory: AnswerMemory, readerId: string, answer: Answer): Answer {
  const unread = memory.hold(readerId);
  unread.grow(answer.body.length);
  return { ...answer, received: unread.release };
}

async function unlessGone<T>(made: Promise<T>, gone: AbortSignal): Promise<T> {
  gone.throwIfAborted();
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(gone.reason);
  gone.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([made, left.promise]);
  } finally {
    gone.removeEventListener("abort", leave);
  }
}
