import { createFairQueue } from "@fiberstream/http/fair-queue";

/**
 * Begins a long task. Its first turn starts now.
 * @param senderId the sender that the task is for
 */
export type TakeTurns = (senderId: string) => Turn;

export type Turn = {
  /** Whether the task has used up its turn. */
  readonly isOver: () => boolean;
  /** Resolves when it is the task's turn again. */
  readonly next: () => Promise<void>;
};

/**
 * Schedules long tasks fairly, so that other requests wait for one turn of a task and not for all of it. In each turn of
 * the event loop one waiting task continues: senders take turns, and each sender's tasks continue in their order. A sender
 * with a thousand tasks makes others wait for one of them.
 *
 * @param options.turnMs after which a task should yield
 */
export function createTurns(options: { turnMs: number; nowMs?: () => number }): TakeTurns {
  const { turnMs, nowMs = performance.now.bind(performance) } = options;
  const waiting = createFairQueue<() => void>();

  const runNext = () => {
    const resume = waiting.next();
    if (!waiting.isEmpty()) setImmediate(runNext);
    resume?.();
  };

  const wait = (senderId: string, resume: () => void) => {
    if (waiting.isEmpty()) setImmediate(runNext);
    waiting.add(senderId, resume);
  };

  return (senderId) => {
    let endsAtMs = nowMs() + turnMs;
    return {
      isOver: () => nowMs() >= endsAtMs,
      next: async () => {
        await new Promise<void>((resume) => wait(senderId, resume));
        endsAtMs = nowMs() + turnMs;
      },
    };
  };
}
