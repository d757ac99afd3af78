import type { IncomingRecord, RecordBatch } from "@fiberstream/kafka/records";
import { addIdBytes, type Digest } from "@fiberstream/reconciliation/digest";
import { WRITTEN } from "../tuples/skip-code.ts";
import { createTupleSlab } from "../tuples/tuple-slab.ts";
import type { WriteTuple } from "../tuples/tuple-writer.ts";
import type { RecentEvents } from "./recent-events.ts";

/** A record and its batch. */
export type Origin = { readonly record: IncomingRecord; readonly batch: RecordBatch };

/** The rows of a write, numbered from 0. They are valid until the buffer is reused. */
export type Rows = {
  readonly count: () => number;
  /** The rows from `from` to below `to` as COPY takes them, without header and trailer. */
  readonly bytes: (from: number, to: number) => Buffer;
  readonly originOf: (row: number) => Origin;
  readonly nodeIdOf: (row: number) => string;
  readonly tenantOf: (row: number) => string | null;
  readonly countryOf: (row: number) => string | null;
  readonly regionOf: (row: number) => string | null;
  /** Microseconds since 1970. */
  readonly receivedAtOf: (row: number) => number;
  /** When it was measured, in microseconds since 1970. */
  readonly timeOf: (row: number) => number;
  readonly addIdTo: (digest: Digest, row: number) => void;
};

export type RowBuffer = Rows & {
  /** Empties the buffer: rows read from it before are overwritten. */
  readonly begin: () => void;
  /**
   * Appends a record as a row. Its Avro begins at `from` in its value.
   * @returns what WriteTuple returns
   */
  readonly add: (write: WriteTuple, origin: Origin, value: Buffer, from: number) => number;
  /** Whether the event of the row added last is in `recent`; adds it. */
  readonly isLastIn: (recent: RecentEvents) => boolean;
  readonly dropLast: () => void;
};

/** Typed arrays instead of an object for each row, so that there is no garbage to collect. */
export function createRowBuffer(options: { initialBytes: number; initialRows: number }): RowBuffer {
  const slab = createTupleSlab(options);
  const origins: Origin[] = [];
  let starts = new Int32Array(options.initialRows + 1);
  let nodes = new Int32Array(options.initialRows);
  let tenants = new Int32Array(options.initialRows);
  let countries = new Int32Array(options.initialRows);
  let regions = new Int32Array(options.initialRows);
  let eventIds = new Int32Array(options.initialRows);
  let receivedAts = new Float64Array(options.initialRows);
  let times = new Float64Array(options.initialRows);
  let count = 0;

  const grow = () => {
    const rows = receivedAts.length * 2;
    starts = copyInto(new Int32Array(rows + 1), starts);
    nodes = copyInto(new Int32Array(rows), nodes);
    tenants = copyInto(new Int32Array(rows), tenants);
    countries = copyInto(new Int32Array(rows), countries);
    regions = copyInto(new Int32Array(rows), regions);
    eventIds = copyInto(new Int32Array(rows), eventIds);
    receivedAts = copyInto(new Float64Array(rows), receivedAts);
    times = copyInto(new Float64Array(rows), times);
  };
  const textAt = (at: number) =>
    at < 0 ? null : slab.bytes.toString("utf8", at, at + slab.bytes.readInt32BE(at - 4));

  return {
    begin: () => {
      slab.at = 0;
      origins.length = 0;
      count = 0;
    },
    add: (write, origin, value, from) => {
      const verdict = write(value, from, value.length, slab);
      if (verdict !== WRITTEN) return verdict;
      if (count === receivedAts.length) grow();
      nodes[count] = slab.nodeAt;
      tenants[count] = slab.tenantAt;
      countries[count] = slab.countryAt;
      regions[count] = slab.regionAt;
      eventIds[count] = slab.eventIdAt;
      receivedAts[count] = slab.receivedAt;
      times[count] = slab.time;
      origins.push(origin);
      starts[++count] = slab.at;
      return verdict;
    },
    isLastIn: (recent) => slab.eventIdAt >= 0 && recent.addAndTest(slab.bytes, slab.eventIdAt),
    dropLast: () => {
      origins.pop();
      slab.at = starts[--count] ?? 0;
    },
    count: () => count,
    bytes: (from, to) => slab.bytes.subarray(starts[from], starts[to]),
    originOf: (row) => {
      const origin = origins[row];
      if (origin === undefined) throw new RangeError(`there is no row ${row}`);
      return origin;
    },
    nodeIdOf: (row) => textAt(nodes[row] ?? -1) ?? "",
    tenantOf: (row) => textAt(tenants[row] ?? -1),
    countryOf: (row) => textAt(countries[row] ?? -1),
    regionOf: (row) => textAt(regions[row] ?? -1),
    receivedAtOf: (row) => receivedAts[row] ?? 0,
    timeOf: (row) => times[row] ?? 0,
    addIdTo: (digest, row) => {
      const at = eventIds[row] ?? -1;
      if (at >= 0) addIdBytes(digest, slab.bytes, at);
    },
  };
}

function copyInto<T extends Int32Array | Float64Array>(larger: T, smaller: T): T {
  larger.set(smaller);
  return larger;
}
