import { Refusal } from "./refusal.ts";

/** Memory that an answer takes. */
export type Hold = {
  /**
   * Counts more of it.
   * @throws {Refusal} ANSWER_TOO_LARGE; RATE_LIMITED when the reader's answers take too much; OVERLOADED when all do
   */
  readonly grow: (bytes: number) => void;
  /** May be called again. */
  readonly release: () => void;
};

export type AnswerMemory = {
  readonly hold: (readerId: string) => Hold;
  /** What all answers take. */
  readonly bytes: () => number;
};

export const MEMORY_LIMITS = ["answer", "reader", "all"] as const;
export type MemoryLimit = (typeof MEMORY_LIMITS)[number];

/**
 * Counts the memory of answers, from the first row that the database sends until the asker has received the answer: a program
 * that asks for much and does not read would otherwise end the process for all others.
 *
 * @param options.maxBytes of all answers together
 * @param options.maxBytesOfReader of those of one reader
 * @param options.maxBytesOfAnswer of one
 */
export function createAnswerMemory(options: {
  maxBytes: number;
  maxBytesOfReader: number;
  maxBytesOfAnswer: number;
  countRefusal: (limit: MemoryLimit) => void;
}): AnswerMemory {
  const { maxBytes, maxBytesOfReader, maxBytesOfAnswer, countRefusal } = options;
  const ofReaders = new Map<string, number>();
  let all = 0;

  const refuse = (limit: MemoryLimit): never => {
    countRefusal(limit);
    throw refusalOf(limit, options);
  };
  const add = (readerId: string, bytes: number) => {
    all += bytes;
    const left = (ofReaders.get(readerId) ?? 0) + bytes;
    if (left > 0) ofReaders.set(readerId, left);
    else ofReaders.delete(readerId);
  };

  return {
    hold: (readerId) => {
      let held = 0;
      return {
        grow: (bytes) => {
          if (held + bytes > maxBytesOfAnswer) refuse("answer");
          if (all + bytes > maxBytes) refuse("all");
          if ((ofReaders.get(readerId) ?? 0) + bytes > maxBytesOfReader) refuse("reader");
          held += bytes;
          add(readerId, bytes);
        },
        release: () => {
          add(readerId, -held);
          held = 0;
        },
      };
    },
    bytes: () => all,
  };
}

function refusalOf(
  limit: MemoryLimit,
  max: { maxBytes: number; maxBytesOfReader: number; maxBytesOfAnswer: number },
): Refusal {
  switch (limit) {
    case "answer":
      return new Refusal(
        "ANSWER_TOO_LARGE",
        `the answer would have more than ${max.maxBytesOfAnswer} bytes: ask for a shorter time range, fewer nodes or fewer points, or export the events`,
      );
    case "reader":
      return new Refusal(
        "RATE_LIMITED",
        `answers of this key that are being made or were not received yet take ${max.maxBytesOfReader} bytes: receive them first`,
      );
    case "all":
      return new Refusal(
        "OVERLOADED",
        `answers that are being made or were not received yet take ${max.maxBytes} bytes: retry later`,
      );
  }
}
