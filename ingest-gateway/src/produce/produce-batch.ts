import type { OutgoingRecord } from "@fiberstream/kafka/records";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { ENCODED_EVENT_MAX_BYTES, type EncodeEvent } from "./encode-event.ts";

/** Whether Kafka has acknowledged an event, or it should be sent again. */
export type Delivery = "accepted" | "retry";

/** The events of several requests for one produce call. */
export type ProduceBatch = {
  /** The buffers of the records' values, which are returned after the delivery. */
  readonly slabs: readonly Buffer[];
  readonly records: readonly OutgoingRecord[];
  /** Whether a request with so many events may be added. */
  fits: (events: number) => boolean;
  /**
   * Adds all events of a request: Kafka keeps their order only within one call.
   * @returns the index of the first one in `records`
   */
  add: (events: readonly ProbeMetric[], headers: OutgoingRecord["headers"]) => number;
  isFull: () => boolean;
  /** Settles the batch; only the first call counts. */
  deliver: (deliveryOf: (index: number) => Delivery) => void;
  readonly delivered: Promise<void>;
  /** The delivery of one of the records; only after `delivered`. */
  deliveryOf: (index: number) => Delivery;
};

/** Small, because each leader fills slabs of its own. */
const SLAB_BYTES = 64 * 1024;
/**
 * The records of small requests must fit into one record batch of Kafka's default size (1 MB), even if they
 * all go to one partition: a key repeats at most two thirds of its value.
 */
const MAX_SLABS = 8;

/** Buffers for encoded events, reused once Kafka has answered for what they hold. */
export type Slabs = { take: () => Buffer; giveBack: (slabs: readonly Buffer[]) => void };

/** The slabs of four calls of usual size; further ones are left to the garbage collector. */
const MAX_FREE_SLABS = 4 * MAX_SLABS;

export function createSlabs(): Slabs {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES),
    giveBack: (slabs) => void free.push(...slabs.slice(0, MAX_FREE_SLABS - free.length)),
  };
}

export function createProduceBatch(options: {
  slabs: Slabs;
  maxEvents: number;
  encode: EncodeEvent;
}): ProduceBatch {
  const { maxEvents, encode } = options;
  let slab = options.slabs.take();
  const slabs = [slab];
  const records: OutgoingRecord[] = [];
  const { promise: delivered, resolve } = Promise.withResolvers<void>();
  let deliveryOf: ((index: number) => Delivery) | undefined;
  let usedBytes = 0;
  const isSlabFull = () => usedBytes > slab.length - ENCODED_EVENT_MAX_BYTES;
  return {
    slabs,
    records,
    fits: (events) => records.length === 0 || records.length + events <= maxEvents,
    add: (events, headers) => {
      const first = records.length;
      for (const event of events) {
        if (isSlabFull()) {
          slab = options.slabs.take();
          slabs.push(slab);
          usedBytes = 0;
        }
        const end = encode(event, slab, usedBytes);
        const value = slab.subarray(usedBytes, end);
        usedBytes = end;
        const record = { key: event.node_id, value };
        records.push(headers === undefined ? record : { ...record, headers });
      }
      return first;
    },
    isFull: () =>
      records.length >= maxEvents ||
      slabs.length > MAX_SLABS ||
      (slabs.length === MAX_SLABS && isSlabFull()),
    deliver: (given) => {
      deliveryOf ??= given;
      resolve();
    },
    delivered,
    deliveryOf: (index) => deliveryOf?.(index) ?? "retry",
  };
}
