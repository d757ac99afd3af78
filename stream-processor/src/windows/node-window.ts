import type { RawEvent } from "../decode/raw-event.ts";

/** The size of a window, in records and in time. */
export const WINDOW_RECORDS = 60;
export const WINDOW_MS = 600_000;

/**
 * The last records of one node in its partition. A typed array that grows as needed, because there may be 100,000
 * windows: one takes 0.9 KB with 10 records and 3 KB with 60.
 */
export type NodeWindow = {
  /** Columns one after another, each `capacity` long: see COLUMNS. */
  values: Float64Array;
  capacity: number;
  /** The slot of the oldest record, and the number of records. */
  start: number;
  count: number;
  /** Used since the last search for a window to evict. */
  isUsed: boolean;
};

const COLUMNS = { latency: 0, loss: 1, time: 2, offset: 3, id: 4, content: 5 } as const;
const COLUMN_COUNT = 6;
const FIRST_CAPACITY = 8;

export const newNodeWindow = (): NodeWindow => ({
  values: new Float64Array(FIRST_CAPACITY * COLUMN_COUNT),
  capacity: FIRST_CAPACITY,
  start: 0,
  count: 0,
  isUsed: false,
});

/** @param at the record's offset, and its timestamp in ms since 1970 */
export function addTo(window: NodeWindow, event: RawEvent, at: RecordPosition): void {
  if (window.count === window.capacity && window.capacity < WINDOW_RECORDS) grow(window);
  const { values, capacity } = window;
  if (window.count === capacity) {
    window.start = (window.start + 1) % capacity;
    window.count--;
  }
  const slot = (window.start + window.count++) % capacity;
  values[slot] = event.latencyMs;
  values[capacity + slot] = event.packetLossPct;
  values[COLUMNS.time * capacity + slot] = at.timeMs;
  values[COLUMNS.offset * capacity + slot] = at.offset;
  values[COLUMNS.id * capacity + slot] = event.id;
  values[COLUMNS.content * capacity + slot] = event.content;
}

export type RecordPosition = { readonly offset: number; readonly timeMs: number };

/** Removes the oldest records while they are older than `sinceMs`. */
export function dropOlder(window: NodeWindow, sinceMs: number): void {
  const { values, capacity } = window;
  const times = COLUMNS.time * capacity;
  while (window.count > 0 && valueAt(values, times + window.start) < sinceMs) {
    window.start = (window.start + 1) % capacity;
    window.count--;
  }
}

/** Returns the offset of the oldest record; the window must not be empty. */
export const oldestOffset = ({ values, capacity, start }: NodeWindow): number =>
  valueAt(values, COLUMNS.offset * capacity + start);

/** Returns the timestamp of the newest record in ms, or -1. */
export const newestTimeMs = ({ values, capacity, start, count }: NodeWindow): number =>
  count === 0 ? -1 : valueAt(values, COLUMNS.time * capacity + ((start + count - 1) % capacity));

/** Whether the same event, with the same content, is in the window. */
export function hasDuplicateOf(window: NodeWindow, event: RawEvent, sinceMs: number): boolean {
  const { values, capacity, start, count } = window;
  const ids = COLUMNS.id * capacity;
  for (let back = 0; back < count; back++) {
    const slot = (start + back) % capacity;
    if (
      values[ids + slot] === event.id &&
      values[COLUMNS.content * capacity + slot] === event.content &&
      valueAt(values, COLUMNS.time * capacity + slot) >= sinceMs
    ) {
      return true;
    }
  }
  return false;
}

/**
 * What the records of a window have measured, oldest first. There are fewer latencies than losses where nothing came back
 * for some records.
 */
export type Measured = {
  readonly latencies: Float64Array;
  latencyCount: number;
  readonly losses: Float64Array;
  lossCount: number;
};

export const newMeasured = (): Measured => ({
  latencies: new Float64Array(WINDOW_RECORDS),
  latencyCount: 0,
  losses: new Float64Array(WINDOW_RECORDS),
  lossCount: 0,
});

/** Copies the window's latencies and losses to `into`. */
export function copyMeasured(window: NodeWindow, sinceMs: number, into: Measured): void {
  const { values, capacity, start, count } = window;
  const { latencies, losses } = into;
  const times = COLUMNS.time * capacity;
  let latencyCount = 0;
  let lossCount = 0;
  for (let back = 0; back < count; back++) {
    const slot = start + back < capacity ? start + back : start + back - capacity;
    // Gateways' clocks differ a little, so a record that is too old may follow one that is not.
    if (valueAt(values, times + slot) < sinceMs) continue;
    losses[lossCount++] = valueAt(values, capacity + slot);
    const latency = valueAt(values, slot);
    // NaN: nothing came back.
    if (latency === latency) latencies[latencyCount++] = latency;
  }
  into.latencyCount = latencyCount;
  into.lossCount = lossCount;
}

function grow(window: NodeWindow): void {
  const { values, capacity, start, count } = window;
  const larger = Math.min(WINDOW_RECORDS, capacity * 2);
  const grown = new Float64Array(larger * COLUMN_COUNT);
  for (let column = 0; column < COLUMN_COUNT; column++) {
    for (let back = 0; back < count; back++) {
      grown[column * larger + back] = valueAt(
        values,
        column * capacity + ((start + back) % capacity),
      );
    }
  }
  window.values = grown;
  window.capacity = larger;
  window.start = 0;
}

const valueAt = (values: Float64Array, at: number): number => values[at] ?? 0;
