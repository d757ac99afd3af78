import { LRUCache } from "lru-cache";
import { type Answer, taggedAnswer } from "./answer.ts";

/** Answers that are given again for a while, so that many who ask the same cost about as much as one. */
export type KeptAnswers = {
  /** Returns the answer of an equal question, with its age; undefined: it has to be asked. */
  readonly find: (question: string) => Answer | undefined;
  /** Keeps an answer that has just been made, if it is a success. */
  readonly keep: (question: string, answer: Answer, tookMs: number) => void;
};

/** An answer is kept so many times as long as it took: a question that all dashboards ask takes 1 % of a connection at most. */
const KEPT_FOR_EACH_MS = 100;
const MAX_AGE_MS = 5_000;
const MAX_BYTES = 64 * 1_048_576;
const MAX_ANSWER_BYTES = 8 * 1_048_576;
/** What an entry takes beside its body and its question. */
const ENTRY_BYTES = 500;

/** @param options.now a monotonic clock, in ms */
export function createKeptAnswers(options: { now?: () => number } = {}): KeptAnswers {
  const { now = () => performance.now() } = options;
  const kept = new LRUCache<
    string,
    { readonly answer: Answer; readonly madeAtMs: number; readonly untilMs: number }
  >({ maxSize: MAX_BYTES });

  return {
    find: (question) => {
      const found = kept.get(question);
      if (found === undefined) return undefined;
      const atMs = now();
      if (atMs >= found.untilMs) {
        kept.delete(question);
        return undefined;
      }
      const age = String(Math.floor((atMs - found.madeAtMs) / 1_000));
      return { ...found.answer, headers: { ...found.answer.headers, Age: age } };
    },
    keep: (question, answer, tookMs) => {
      if (answer.status !== 200) return;
      const tagged = taggedAnswer(answer);
      const size = tagged.body.length + 2 * question.length + ENTRY_BYTES;
      if (size > MAX_ANSWER_BYTES) return;
      const atMs = now();
      const madeAtMs = atMs - tookMs;
      const untilMs = atMs + Math.min(MAX_AGE_MS, KEPT_FOR_EACH_MS * tookMs);
      kept.set(question, { answer: tagged, madeAtMs, untilMs }, { size });
    },
  };
}
