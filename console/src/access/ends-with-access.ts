import type { StreamedAnswer } from "../answers/answer.ts";

/** With the age of the cached keys and sessions, which is at most 25 s by default, below half a minute. */
const CHECK_EVERY_MS = 5_000;

/**
 * Returns an answer that is cut when its asker may no longer have it: a live stream, or an export, would else go on after the session
 * has ended.
 *
 * @param options.isAllowed false: certainly not any more
 */
export const endsWithAccess = (
  answer: StreamedAnswer,
  options: { isAllowed: () => Promise<boolean>; countEnd: () => void },
): StreamedAnswer => ({
  ...answer,
  stream: async (out) => {
    const check = async () => {
      if ((await options.isAllowed()) || out.destroyed || out.writableEnded) return;
      options.countEnd();
      out.destroy();
    };
    const timer = setInterval(() => void check(), CHECK_EVERY_MS);
    try {
      await answer.stream(out);
    } finally {
      clearInterval(timer);
    }
  },
});
