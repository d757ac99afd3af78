import type { OutgoingRecord } from "@fiberstream/kafka/records";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { ENCODED_EVENT_MAX_BYTES, type EncodeEvent } from "./encode-event.ts";

/** Whether Kafka has acknowledged an event, or it should be sent again. */
export type Delivery = "accepted" | "retry";

/** The events of some requests on their way into one produce call. */
export type Gather = {
  readonly slab: Buffer;
  readonly records: readonly OutgoingRecord[];
  /** @returns its index in `records` */
  add: (event: ProbeMetric, headers: OutgoingRecord["headers"]) => number;
  isFull: () => boolean;
  /** Settles the gather: what comes after the first time is too late. */
  deliver: (deliveryOf: (index: number) => Delivery) => void;
  readonly delivered: Promise<void>;
  /** Of one of the records; only after `delivered`. */
  deliveryOf: (index: number) => Delivery;
};

/**
 * A call's records are to fit into one record batch of Kafka's default size (1 MB), should they all
 * go to one partition: a key repeats at most two thirds of its value.
 */
export const SLAB_BYTES = 512 * 1024;

/** @param slab where the records' values live until the delivery, {@link SLAB_BYTES} long */
export function createGather(options: {
  slab: Buffer;
  maxEvents: number;
  encode: EncodeEvent;
}): Gather {
  const { slab, maxEvents, encode } = options;
  const records: OutgoingRecord[] = [];
  const { promise: delivered, resolve } = Promise.withResolvers<void>();
  let deliveryOf: ((index: number) => Delivery) | undefined;
  let usedBytes = 0;
  return {
    slab,
    records,
    add: (event, headers) => {
      const end = encode(event, slab, usedBytes);
      const value = slab.subarray(usedBytes, end);
      usedBytes = end;
      const record = { key: event.node_id, value };
      return records.push(headers === undefined ? record : { ...record, headers }) - 1;
    },
    isFull: () => records.length >= maxEvents || usedBytes > slab.length - ENCODED_EVENT_MAX_BYTES,
    deliver: (given) => {
      deliveryOf ??= given;
      resolve();
    },
    delivered,
    deliveryOf: (index) => deliveryOf?.(index) ?? "retry",
  };
}
