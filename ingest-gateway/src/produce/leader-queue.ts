import type { DeliveringProducer } from "@fiberstream/kafka/producer";
import { isBrokersAnswer } from "@fiberstream/kafka/kafka-errors";
import type { OutgoingRecord, RecordHeaders } from "@fiberstream/kafka/records";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { EncodeEvent } from "./encode-event.ts";
import { createProduceBatch, type ProduceBatch, type Slabs } from "./produce-batch.ts";

/** Events of a request in a batch: the index of the first one, which the others follow. */
export type BatchSlice = { readonly batch: ProduceBatch; readonly from: number };

export type LeaderQueue = {
  /**
   * Takes a request's events for this leader, all for one produce call.
   * @returns undefined while the leader is silent
   */
  take: (
    events: readonly ProbeMetric[],
    headers: RecordHeaders | undefined,
  ) => BatchSlice | undefined;
  /** Whether the leader has not answered in time, or could not be reached, and has not answered since. */
  isSilent: () => boolean;
  /** Sends the open batch and waits until all batches are settled. */
  flush: () => Promise<void>;
};

/** Maximum of calls in flight. More calls would only be smaller, because the next batch fills meanwhile. */
const MAX_SENDS = 4;

/**
 * Collects the events of many requests into one produce call to one leader: a record alone in a call costs 145 us, 500 in
 * a call 10 us each. A batch is sent when it is full or `lingerMs` old. It stays open longer while the maximum of calls is
 * in flight, so that a slow Kafka gets larger calls, not more calls.
 *
 * Calls may overtake each other, so a request is never split over two calls: a request that does not fit begins a new
 * batch, and one that is larger than `batchMaxEvents` has a batch of its own, whatever its size.
 *
 * After `produceMaxWaitMs` without an answer the leader counts as silent and senders are asked to retry. Events that the
 * leader stores nevertheless become duplicates with the same event id. A silent leader is probed with one call at a time,
 * and no other call waits for that one.
 */
export function createLeaderQueue(options: {
  /** The leader's name, for the log. */
  leader: string;
  deliver: (records: readonly OutgoingRecord[]) => ReturnType<DeliveringProducer["deliver"]>;
  encode: EncodeEvent;
  slabs: Slabs;
  lingerMs: number;
  batchMaxEvents: number;
  produceMaxWaitMs: number;
  observeProduceSeconds: (seconds: number) => void;
  onAccepted: () => void;
  onSilence: (reason: string) => void;
  log: Log;
}): LeaderQueue {
  const { leader, deliver, slabs, log } = options;
  const unsettled = new Set<ProduceBatch>();
  const full: ProduceBatch[] = [];
  let open: ProduceBatch | undefined;
  let isOpenDue = false;
  let waiting: NodeJS.Timeout | undefined;
  let sends = 0;
  let isSilent = false;
  let answeredAtMs = -Infinity;

  const openBatch = (): ProduceBatch => {
    const { batchMaxEvents: maxEvents, encode } = options;
    const batch = createProduceBatch({ slabs, maxEvents, encode });
    unsettled.add(batch);
    isOpenDue = false;
    waiting = setTimeout(sendOpen, options.lingerMs);
    const openedAtMs = performance.now();
    const late = setTimeout(() => {
      batch.deliver(() => "retry");
      // A call may wait for the followers of its partitions while the leader answers others.
      const isSent = batch !== open && !full.includes(batch);
      if (isSent && answeredAtMs > openedAtMs) return;
      becomeSilent(`no acknowledgement within ${options.produceMaxWaitMs} ms`);
    }, options.produceMaxWaitMs);
    void batch.delivered.then(() => clearTimeout(late));
    return batch;
  };

  const sendFull = (batch: ProduceBatch) => {
    closeOpen();
    full.push(batch);
    sendDue();
  };

  const closeOpen = () => {
    open = undefined;
    clearTimeout(waiting);
  };

  const sendOpen = () => {
    isOpenDue = true;
    sendDue();
  };

  const nextDue = (): ProduceBatch | undefined =>
    sends < (isSilent ? 1 : MAX_SENDS)
      ? (full.shift() ?? (isOpenDue ? open : undefined))
      : undefined;

  const sendDue = () => {
    for (let batch = nextDue(); batch !== undefined; batch = nextDue()) {
      if (batch === open) closeOpen();
      void send(batch);
    }
  };

  const send = async (batch: ProduceBatch) => {
    sends++;
    const startedAt = performance.now();
    const failures = await deliver(batch.records);
    const failed = failures.filter((failure) => failure !== undefined);
    batch.deliver((index) => (failures[index] === undefined ? "accepted" : "retry"));
    if (failed.length > 0) {
      log.warn(
        { leader, events: failures.length, failed: failed.length, reason: messageOf(failed[0]) },
        "produce failed, senders asked to retry",
      );
    }
    if (failed.some(isBrokersAnswer) || failed.length < failures.length) becomeResponsive();
    else becomeSilent(messageOf(failed[0]));
    if (failed.length < failures.length) options.onAccepted();
    options.observeProduceSeconds((performance.now() - startedAt) / 1_000);
    unsettled.delete(batch);
    slabs.giveBack(batch.slabs);
    sends--;
    sendDue();
  };

  const becomeResponsive = () => {
    isSilent = false;
    answeredAtMs = performance.now();
  };

  /** Asks the senders of queued batches to retry now, because these batches would only wait for the leader. */
  const becomeSilent = (reason: string) => {
    isSilent = true;
    if (open !== undefined) full.push(open);
    closeOpen();
    for (const batch of full.splice(0)) {
      batch.deliver(() => "retry");
      unsettled.delete(batch);
    }
    options.onSilence(reason);
  };

  return {
    take: (events, headers) => {
      if (isSilent && sends > 0) return undefined;
      if (open?.fits(events.length) === false) sendFull(open);
      const batch = (open ??= openBatch());
      const from = batch.add(events, headers);
      if (batch.isFull()) sendFull(batch);
      return { batch, from };
    },
    isSilent: () => isSilent,
    flush: async () => {
      sendOpen();
      await Promise.all(Array.from(unsettled, (batch) => batch.delivered));
    },
  };
}
