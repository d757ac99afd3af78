import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import { forEverybody } from "../questions/asking.ts";
import type { LiveStates, Owned } from "./live-states.ts";

export type Watch = {
  /**
   * Reads changes while somebody looks.
   * @returns a function that ends that
   * @throws {Refusal} when the states cannot be read at first
   */
  readonly look: () => Promise<() => void>;
  readonly end: () => void;
};

/** Of the time at most a tenth is spent in the database. */
const PAUSE_FACTOR = 10;

/**
 * Keeps states up to date while at least one reader looks at them; all readers share it.
 *
 * @param options.part what the states are of, for the log and the counter
 * @param options.readRecent returns what may have changed lately; without it, all are read each time
 * @param options.allEveryMs all are read so often, which finds what came later than `readRecent` looks back
 */
export function createWatch<State>(options: {
  part: string;
  states: Pick<LiveStates<State>, "update" | "replaceAll">;
  readAll: () => Promise<readonly Owned<State>[]>;
  readRecent?: () => Promise<readonly Owned<State>[]>;
  everyMs: number;
  allEveryMs: number;
  countFailure: () => void;
  log: Log;
}): Watch {
  const { part, states, readAll, readRecent, everyMs, allEveryMs, countFailure, log } = options;
  const stop = new AbortController();
  const lookers = new Set<symbol>();
  let first: Promise<void> | undefined;
  const warn = throttled((error: unknown, times) =>
    log.warn({ part, reason: messageOf(error), times }, "live states cannot be read, retrying"),
  );

  const run = async () => {
    let readAllAtMs = performance.now();
    while (lookers.size > 0 && !stop.signal.aborted) {
      const begunMs = performance.now();
      try {
        if (readRecent === undefined || begunMs - readAllAtMs > allEveryMs) {
          states.replaceAll(await readAll());
          readAllAtMs = begunMs;
        } else states.update(await readRecent());
      } catch (error) {
        countFailure();
        warn(error);
      }
      const tookMs = performance.now() - begunMs;
      const pauseMs = Math.max(everyMs, tookMs * PAUSE_FACTOR);
      await delay(pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    first = undefined;
  };

  const begin = async () => {
    states.replaceAll(await readAll());
    void run();
  };

  return {
    look: async () => {
      const looker = Symbol("looker");
      lookers.add(looker);
      try {
        first ??= forEverybody(begin);
        await first;
      } catch (error) {
        lookers.delete(looker);
        first = undefined;
        throw error;
      }
      return () => {
        lookers.delete(looker);
      };
    },
    end: () => stop.abort(),
  };
}
