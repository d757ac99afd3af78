import { randomBytes } from "node:crypto";

/** The order of all changes that a stream can send, whatever they are about. */
export type Positions = {
  /** The position after the newest change, as a reader of the stream gets it. */
  readonly now: () => string;
  /** Returns the number of a position; undefined if it is not one of this process. */
  readonly numberOf: (position: string) => number | undefined;
  /** Runs a change with its number; it counts, and listeners are woken, if the change returns true. */
  readonly change: (make: (number: number) => boolean) => void;
  /** @returns a function that removes the listener */
  readonly onChange: (listener: () => void) => () => void;
};

export function createPositions(): Positions {
  // Positions of another process, or of one before its restart, mean nothing here.
  const epoch = randomBytes(6).toString("hex");
  const listeners = new Set<() => void>();
  let changes = 0;

  return {
    now: () => `${epoch}-${changes}`,
    numberOf: (position) => {
      const [of, text = ""] = position.split("-");
      const number = Number(text);
      if (of !== epoch || !Number.isInteger(number) || number > changes) return undefined;
      return number;
    },
    change: (make) => {
      if (!make(changes + 1)) return;
      changes++;
      for (const listener of listeners) listener();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
