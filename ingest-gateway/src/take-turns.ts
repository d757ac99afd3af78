/** Begins a long work, whose first turn is now. */
export type TakeTurns = () => Turn;

export type Turn = {
  /** Whether others have waited long enough. */
  readonly isOver: () => boolean;
  /** Resolves when it is this work's turn again. */
  readonly next: () => Promise<void>;
};

/**
 * Parts long work, so that whoever else has a request waits for one turn of it and not for all. Of all works
 * that wait one goes on in each turn of the event loop, in the order in which they came.
 *
 * @param options.turnMs after which a work should let others go on
 */
export function createTurns(options: { turnMs: number; nowMs?: () => number }): TakeTurns {
  const { turnMs, nowMs = performance.now.bind(performance) } = options;
  const waiting: (() => void)[] = [];

  const goOn = () => {
    const begin = waiting.shift();
    if (waiting.length > 0) setImmediate(goOn);
    begin?.();
  };

  return () => {
    let endsAtMs = nowMs() + turnMs;
    return {
      isOver: () => nowMs() >= endsAtMs,
      next: async () => {
        await new Promise<void>((begin) => {
          if (waiting.push(begin) === 1) setImmediate(goOn);
        });
        endsAtMs = nowMs() + turnMs;
      },
    };
  };
}
