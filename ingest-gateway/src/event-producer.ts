import { isBrokersAnswer } from "@fiberstream/kafka/kafka-errors";
import type { DeliveringProducer } from "@fiberstream/kafka/producer";
import type { RecordHeaders } from "@fiberstream/kafka/records";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { EncodeEvent } from "./encode-event.ts";
import { createGather, type Delivery, type Gather, SLAB_BYTES } from "./gather.ts";

export type EventProducer = {
  /**
   * Resolves when Kafka has answered for every event: one delivery for each, in order. Never rejects.
   * @param headers go with each of the records, where given
   */
  produce: (events: readonly ProbeMetric[], headers?: RecordHeaders) => Promise<Delivery[]>;
  /** Events taken in and not yet answered for. */
  inFlightEvents: () => number;
  /** Sends what is gathered, waits for Kafka's answers, disconnects. */
  close: () => Promise<void>;
};

/** Events of a request that are neighbours in a gather; most requests are one such stretch. */
type Stretch = { readonly gather: Gather; readonly from: number; to: number };

/** Calls under way at once. More of them would only be smaller: the next one gathers meanwhile. */
const MAX_SENDS = 4;

/**
 * Gathers the events of many requests into one produce call: one message a call costs 145 us, 500 a
 * call 10 us each. A gather goes out when it is full or `gatherMaxWaitMs` old, and stays open longer
 * while all calls are taken, so that a slow Kafka gets bigger calls instead of more of them.
 *
 * Nobody waits longer than `produceMaxWaitMs`: then Kafka counts as away, and what may yet come through
 * is sent again by its sender, under the same event id.
 */
export function createEventProducer(options: {
  topic: string;
  producer: Pick<DeliveringProducer, "deliver" | "close">;
  encode: EncodeEvent;
  gatherMaxWaitMs: number;
  gatherMaxEvents: number;
  produceMaxWaitMs: number;
  kafka: Check;
  observeProduceSeconds: (seconds: number) => void;
  log: Log;
}): EventProducer {
  const { topic, producer, kafka, log } = options;
  const unsettled = new Set<Gather>();
  const full: Gather[] = [];
  const freeSlabs: Buffer[] = [];
  let open: Gather | undefined;
  let isOpenDue = false;
  let waiting: NodeJS.Timeout | undefined;
  let sends = 0;
  let inFlightEvents = 0;

  /** @returns where the event is on its way */
  const take = (event: ProbeMetric, headers: RecordHeaders | undefined) => {
    const gather = (open ??= begin());
    const index = gather.add(event, headers);
    if (gather.isFull()) {
      closeOpen();
      full.push(gather);
      sendWhatIsDue();
    }
    return { gather, index };
  };

  const begin = (): Gather => {
    const slab = freeSlabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    const gather = createGather({
      slab,
      maxEvents: options.gatherMaxEvents,
      encode: options.encode,
    });
    unsettled.add(gather);
    isOpenDue = false;
    waiting = setTimeout(sendOpen, options.gatherMaxWaitMs);
    const late = setTimeout(() => {
      isAway(`no acknowledgement within ${options.produceMaxWaitMs} ms`);
      gather.deliver(() => "retry");
    }, options.produceMaxWaitMs);
    void gather.delivered.then(() => clearTimeout(late));
    return gather;
  };

  const closeOpen = () => {
    open = undefined;
    clearTimeout(waiting);
  };

  const sendOpen = () => {
    isOpenDue = true;
    sendWhatIsDue();
  };

  const nextDue = (): Gather | undefined =>
    sends < MAX_SENDS ? (full.shift() ?? (isOpenDue ? open : undefined)) : undefined;

  const sendWhatIsDue = () => {
    for (let gather = nextDue(); gather !== undefined; gather = nextDue()) {
      if (gather === open) closeOpen();
      void send(gather);
    }
  };

  const send = async (gather: Gather) => {
    sends++;
    const startedAt = performance.now();
    const failures = await producer.deliver(topic, gather.records);
    const failed = failures.filter((failure) => failure !== undefined);
    if (failed.length < failures.length) kafka.ok();
    else if (!failed.some(isBrokersAnswer)) isAway(messageOf(failed[0]));
    if (failed.length > 0) {
      log.warn(
        { events: failures.length, failed: failed.length, reason: messageOf(failed[0]) },
        "produce failed, senders are asked to try again",
      );
    }
    gather.deliver((index) => (failures[index] === undefined ? "accepted" : "retry"));
    options.observeProduceSeconds((performance.now() - startedAt) / 1_000);
    unsettled.delete(gather);
    if (freeSlabs.length < MAX_SENDS) freeSlabs.push(gather.slab);
    sends--;
    sendWhatIsDue();
  };

  /** What waits for a call would wait for that Kafka only: its senders are told now. */
  const isAway = (reason: string) => {
    kafka.failing(reason);
    if (open !== undefined) full.push(open);
    closeOpen();
    for (const gather of full.splice(0)) {
      gather.deliver(() => "retry");
      unsettled.delete(gather);
    }
  };

  const delivered = async (stretches: readonly Stretch[]): Promise<Delivery[]> => {
    for (const { gather } of stretches) await gather.delivered;
    const deliveries = stretches.flatMap(({ gather, from, to }) =>
      Array.from({ length: to - from }, (_, at) => gather.deliveryOf(from + at)),
    );
    inFlightEvents -= deliveries.length;
    return deliveries;
  };

  return {
    produce: (events, headers) => {
      inFlightEvents += events.length;
      const stretches: Stretch[] = [];
      for (const event of events) {
        const { gather, index } = take(event, headers);
        const last = stretches.at(-1);
        if (last?.gather === gather) last.to = index + 1;
        else stretches.push({ gather, from: index, to: index + 1 });
      }
      return delivered(stretches);
    },
    inFlightEvents: () => inFlightEvents,
    close: async () => {
      sendOpen();
      await Promise.all(Array.from(unsettled, (gather) => gather.delivered));
      await producer.close();
    },
  };
}
