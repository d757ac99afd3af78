/** A letter's place in the order of an answer. */
export type Placed = { readonly offset: bigint; readonly failedAtMs: number };

/** A part of a partition of the dead-letter topic that has been read. */
export type Chunk<Item> = {
  /** The letters that were asked for, in any order. */
  readonly items: readonly Item[];
  /** When the first of all letters in it failed; undefined: there is no letter in it. */
  readonly oldestMs: number | undefined;
  readonly bytes: number;
  readonly letters: number;
};

/** @returns undefined: the part has more bytes than may be read at once */
export type ReadChunk<Item> = (range: {
  readonly partition: number;
  readonly from: bigint;
  readonly until: bigint;
}) => Promise<Chunk<Item> | undefined>;

/** Where a search goes on in a partition. */
export type Rest = {
  readonly partition: number;
  readonly before: bigint;
  /** What is left failed at this time or earlier; Infinity: not known. Without it a page might begin as the one before. */
  readonly boundMs: number;
};

export type SearchResult<Item> = {
  readonly items: readonly Item[];
  /** Empty: everything has been looked at. */
  readonly rest: readonly Rest[];
  /** All letters that failed after it have been looked at; undefined: none, or all there are. */
  readonly backToMs: number | undefined;
  readonly letters: number;
  readonly bytes: number;
};

type Partition<Item> = {
  readonly partition: number;
  readonly low: bigint;
  /** Everything from here on has been read. */
  edge: bigint;
  /** Letters that were found, the newest first. */
  readonly waiting: Item[];
  /** What was not read failed before this. */
  boundMs: number;
  /** How many offsets are read next. */
  size: bigint;
};

const FIRST_SIZE = 64n;
const MAX_SIZE = 4_096n;
const AIM_BYTES = 1_048_576;
const SHRINK = 8n;

/**
 * Finds the newest dead letters of all partitions. Kafka reads forward only, so parts at the end of the partitions are read, then
 * longer ones before them, always in the partition that may have the next newest one. Within a partition letters are
 * ordered by offset, between partitions by the time at which they failed.
 *
 * @param options.from nothing before this time (ms since 1970) is looked for
 * @param options.isOver whether to stop; at least one part is read first
 */
export async function newestLetters<Item extends Placed>(options: {
  partitions: readonly (Rest & { readonly low: bigint })[];
  limit: number;
  from: number;
  readChunk: ReadChunk<Item>;
  isOver: (soFar: { bytes: number; letters: number }) => boolean;
}): Promise<SearchResult<Item>> {
  const { limit, from, readChunk, isOver } = options;
  const states = options.partitions.map(({ partition, low, before, boundMs }): Partition<Item> => ({
    partition,
    low,
    edge: before < low ? low : before,
    waiting: [],
    boundMs,
    size: FIRST_SIZE,
  }));
  const items: Item[] = [];
  let [bytes, letters] = [0, 0];

  const readMore = async (state: Partition<Item>) => {
    const start = state.edge - state.size;
    const begin = start > state.low ? start : state.low;
    const chunk = await readChunk({
      partition: state.partition,
      from: begin,
      until: state.edge,
    });
    if (chunk === undefined) {
      const read = state.edge - begin;
      state.size = read / SHRINK > 1n ? read / SHRINK : 1n;
      bytes += AIM_BYTES;
      return;
    }
    bytes += chunk.bytes;
    letters += chunk.letters;
    state.waiting.push(...chunk.items.toSorted((a, b) => (a.offset > b.offset ? -1 : 1)));
    if (chunk.oldestMs !== undefined) state.boundMs = Math.min(state.boundMs, chunk.oldestMs);
    state.edge = state.boundMs < from ? state.low : begin;
    state.size = nextSize(state.size, chunk);
  };

  for (let read = 0; items.length < limit;) {
    const next = newestOf(states);
    if (next === undefined) break;
    const item = next.waiting.shift();
    if (item !== undefined) items.push(item);
    else if (read > 0 && isOver({ bytes, letters })) break;
    else {
      await readMore(next);
      read++;
    }
  }
  const rest = states
    .filter(({ edge, low, waiting }) => waiting.length > 0 || edge > low)
    .map(({ partition, edge, boundMs, waiting: [first] }) =>
      first === undefined
        ? { partition, before: edge, boundMs }
        : { partition, before: first.offset + 1n, boundMs: first.failedAtMs },
    );
  const open = states.filter(({ edge, low }) => edge > low).map(({ boundMs }) => boundMs);
  const backToMs = open.length === 0 ? undefined : Math.max(...open);
  return {
    items,
    rest,
    backToMs: backToMs === Infinity ? undefined : backToMs,
    letters,
    bytes,
  };
}

/** Returns the partition that has the next newest letter, or may have it. */
function newestOf<Item extends Placed>(
  states: readonly Partition<Item>[],
): Partition<Item> | undefined {
  let newest: { state: Partition<Item>; atMs: number } | undefined;
  for (const state of states) {
    const [first] = state.waiting;
    if (first === undefined && state.edge <= state.low) continue;
    const atMs = first?.failedAtMs ?? state.boundMs;
    if (newest === undefined || atMs > newest.atMs) newest = { state, atMs };
  }
  return newest?.state;
}

/** Doubles, up to what has about 1 MB. */
function nextSize(size: bigint, { bytes, letters }: Chunk<unknown>): bigint {
  const doubled = size * 2n < MAX_SIZE ? size * 2n : MAX_SIZE;
  if (letters === 0) return doubled;
  const fitting = BigInt(Math.max(1, Math.floor(AIM_BYTES / Math.max(1, bytes / letters))));
  return fitting < doubled ? fitting : doubled;
}
