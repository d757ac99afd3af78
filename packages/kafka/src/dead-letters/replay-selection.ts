import {
  type DeadLetter,
  type DeadLetterFilter,
  isAfter,
  matches,
  originOf,
} from "./dead-letters.ts";

export type ReplayCounts = {
  replayed: number;
  /** Skipped: replayed too often before. */
  quarantined: number;
  /** Skipped: the same record again. */
  doubles: number;
  /** Skipped: the dead letter has only the beginning of the record. */
  cut: number;
  /** Skipped: it names a topic that dead letters do not come from. */
  foreign: number;
};

export const NO_COUNTS: ReplayCounts = {
  replayed: 0,
  quarantined: 0,
  doubles: 0,
  cut: 0,
  foreign: 0,
};

export const sumOf = (a: ReplayCounts, b: ReplayCounts): ReplayCounts => ({
  replayed: a.replayed + b.replayed,
  quarantined: a.quarantined + b.quarantined,
  doubles: a.doubles + b.doubles,
  cut: a.cut + b.cut,
  foreign: a.foreign + b.foreign,
});

export type SelectionOptions = {
  readonly filter: DeadLetterFilter;
  /** Letters that failed at this time (ms since 1970) or later are left for the next replay with the filter. */
  readonly failedBefore?: number | undefined;
  /** Dead letters that were already replayed so often are skipped. */
  readonly maxReplays: number;
  /** The only topics to which dead letters are sent: a header of the dead letter names its topic. */
  readonly sources: readonly string[];
};

export type Selected = {
  readonly chosen: readonly DeadLetter[];
  readonly counts: ReplayCounts;
  /** Up to where the selection is final; undefined: it has not begun. */
  readonly nextOffset: bigint | undefined;
};

/** Whether a letter belongs to those for whom the replay is made. */
type IsOwn = (deadLetter: DeadLetter) => boolean;

/** How many origins are remembered: a sink that crashed writes the letters of one batch twice, close to each other. */
const MAX_ORIGINS = 100_000;

/** Selects the dead letters that a replay sends, from those of one partition after the other. */
export function createSelection(options: SelectionOptions) {
  const { filter, failedBefore = Infinity, maxReplays, sources } = options;
  const seen = new Set<string>();

  const remember = (origin: string) => {
    seen.add(origin);
    if (seen.size <= MAX_ORIGINS) return;
    const [oldest] = seen;
    if (oldest !== undefined) seen.delete(oldest);
  };
  /** Returns the count to which a letter adds; undefined: the filter leaves it out. */
  const countOf = (deadLetter: DeadLetter, isOwn: IsOwn): keyof ReplayCounts | undefined => {
    if (!matches(deadLetter, filter) || !isOwn(deadLetter)) return undefined;
    if (deadLetter.replays >= maxReplays) return "quarantined";
    if (!sources.includes(deadLetter.origin.topic)) return "foreign";
    const origin = originOf(deadLetter);
    if (seen.has(origin)) return "doubles";
    remember(origin);
    return deadLetter.cutFromBytes === undefined ? "replayed" : "cut";
  };

  return {
    /** Takes note of letters that an earlier run has passed, without selecting them. */
    passOver: (deadLetters: readonly DeadLetter[], isOwn: IsOwn): void => {
      for (const deadLetter of deadLetters) countOf(deadLetter, isOwn);
    },
    selectFrom: (deadLetters: readonly DeadLetter[], isOwn: IsOwn, most: number): Selected => {
      const chosen: DeadLetter[] = [];
      const counts = { ...NO_COUNTS };
      let nextOffset: bigint | undefined;
      for (const deadLetter of deadLetters) {
        // A later replay may want these.
        const isLater =
          isAfter(deadLetter, filter) || Date.parse(deadLetter.failedAt) >= failedBefore;
        if (isLater || chosen.length >= most) break;
        const name = countOf(deadLetter, isOwn);
        if (name !== undefined) counts[name]++;
        if (name === "replayed") chosen.push(deadLetter);
        nextOffset = BigInt(deadLetter.offset) + 1n;
      }
      return { chosen, counts, nextOffset };
    },
  };
}
