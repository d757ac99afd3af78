/**
 * Begins a long work, whose first turn is now.
 * @param whose a sender's id
 */
export type TakeTurns = (whose: string) => Turn;

export type Turn = {
  /** Whether others have waited long enough. */
  readonly isOver: () => boolean;
  /** Resolves when it is this work's turn again. */
  readonly next: () => Promise<void>;
};

/**
 * Parts long work, so that whoever else has a request waits for one turn of it and not for all. Of all works
 * that wait one goes on in each turn of the event loop: one sender's after the other's, and each sender's in the order
 * in which they came. Who has a thousand of them makes others wait for one.
 *
 * @param options.turnMs after which a work should let others go on
 */
export function createTurns(options: { turnMs: number; nowMs?: () => number }): TakeTurns {
  const { turnMs, nowMs = performance.now.bind(performance) } = options;
  /** By sender, only those who have some, in the order of their turns. */
  const waiting = new Map<string, (() => void)[]>();

  const goOn = () => {
    const [next] = waiting;
    if (next === undefined) return;
    const [whose, works] = next;
    waiting.delete(whose);
    const begin = works.shift();
    if (works.length > 0) waiting.set(whose, works);
    if (waiting.size > 0) setImmediate(goOn);
    begin?.();
  };

  const wait = (whose: string, begin: () => void) => {
    if (waiting.size === 0) setImmediate(goOn);
    const works = waiting.get(whose);
    if (works === undefined) waiting.set(whose, [begin]);
    else works.push(begin);
  };

  return (whose) => {
    let endsAtMs = nowMs() + turnMs;
    return {
      isOver: () => nowMs() >= endsAtMs,
      next: async () => {
        await new Promise<void>((begin) => wait(whose, begin));
        endsAtMs = nowMs() + turnMs;
      },
    };
  };
}
