import { AsyncLocalStorage } from "node:async_hooks";

/** What the statements of a question need to know about it. */
export type Asking = {
  /** Aborted when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
  /**
   * Counts what was received for the answer.
   * @throws {Refusal} when it takes too much memory
   */
  readonly received: (bytes: number) => void;
};

const current = new AsyncLocalStorage<Asking>();

/**
 * Does the work of a question. All of its statements are cancelled when nobody waits any more, and counted: by this and not by an
 * argument, so that no route can forget it.
 */
export const askingFor = <T>(asking: Asking, work: () => T): T => current.run(asking, work);

/** Returns the question for which the caller works; undefined: for nobody in particular. */
export const currentAsking = (): Asking | undefined => current.getStore();

/** Does work that others use, too: it goes on when the one who asked first has left. */
export const forEverybody = <T>(work: () => T): T => current.exit(work);
