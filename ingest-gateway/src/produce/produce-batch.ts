import type { OutgoingRecord } from "@fiberstream/kafka/records";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { ENCODED_EVENT_MAX_BYTES, type EncodeEvent } from "./encode-event.ts";

/** Whether Kafka has acknowledged an event, or it should be sent again. */
export type Delivery = "accepted" | "retry";

/** The events of some requests on their way into one produce call. */
export type ProduceBatch = {
  /** Where the records' values live until the delivery, given back then. */
  readonly slabs: readonly Buffer[];
  readonly records: readonly OutgoingRecord[];
  /** Whether another request of so many events may join those that are here. */
  hasRoomFor: (events: number) => boolean;
  /**
   * Takes all events of a request: only within one call their order is kept.
   * @returns the index of the first one in `records`
   */
  add: (events: readonly ProbeMetric[], headers: OutgoingRecord["headers"]) => number;
  isFull: () => boolean;
  /** Settles the batch: what comes after the first time is too late. */
  deliver: (deliveryOf: (index: number) => Delivery) => void;
  readonly delivered: Promise<void>;
  /** Of one of the records; only after `delivered`. */
  deliveryOf: (index: number) => Delivery;
};

/** Small, for each leader fills some of its own. */
const SLAB_BYTES = 64 * 1024;
/**
 * The records of small requests must fit into one record batch of Kafka's default size (1 MB), even if they
 * all go to one partition: a key repeats at most two thirds of its value.
 */
const MOST_SLABS = 8;

/** Buffers for encoded events, reused once Kafka has answered for what they hold. */
export type Slabs = { take: () => Buffer; giveBack: (slabs: readonly Buffer[]) => void };

/** What four calls of usual size hold; what more is given back is left to the garbage collector. */
const MOST_FREE_SLABS = 4 * MOST_SLABS;

export function createSlabs(): Slabs {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES),
    giveBack: (slabs) => void free.push(...slabs.slice(0, MOST_FREE_SLABS - free.length)),
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
    hasRoomFor: (events) => records.length === 0 || records.length + events <= maxEvents,
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
      slabs.length > MOST_SLABS ||
      (slabs.length === MOST_SLABS && isSlabFull()),
    deliver: (given) => {
      deliveryOf ??= given;
      resolve();
    },
    delivered,
    deliveryOf: (index) => deliveryOf?.(index) ?? "retry",
  };
}
