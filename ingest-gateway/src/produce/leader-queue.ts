import type { DeliveringProducer } from "@fiberstream/kafka/producer";
import { isBrokersAnswer } from "@fiberstream/kafka/kafka-errors";
import type { OutgoingRecord, RecordHeaders } from "@fiberstream/kafka/records";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { EncodeEvent } from "./encode-event.ts";
import { createProduceBatch, type ProduceBatch, type Slabs } from "./produce-batch.ts";

/** Where some events of a request are: their first one's place in a batch, the others behind it. */
export type BatchSlice = { readonly batch: ProduceBatch; readonly from: number };

export type LeaderQueue = {
  /**
   * Takes a request's events for this leader, all into one call.
   * @returns undefined while the leader is silent
   */
  take: (
    events: readonly ProbeMetric[],
    headers: RecordHeaders | undefined,
  ) => BatchSlice | undefined;
  /** Whether it has not answered in time, or could not be reached, and has not answered since. */
  isSilent: () => boolean;
  /** Sends the open batch and waits until all batches are settled. */
  flush: () => Promise<void>;
};

/** Calls in flight at once. More would only be smaller: the next batch fills meanwhile. */
const MAX_SENDS = 4;

/**
 * Collects the events of many requests into one produce call to one leader: one message a call costs 145 us,
 * 500 a call 10 us each. A batch goes out when it is full or `lingerMs` old, and stays open longer
 * while all calls are taken, so that a slow Kafka gets bigger calls instead of more of them.
 *
 * Calls overtake each other, so a request is never spread over two of them: one that does not fit begins
 * a batch, and one that is larger than `batchMaxEvents` has a batch of its own, however long.
 *
 * After `produceMaxWaitMs` without an answer the leader counts as silent and senders are asked to retry; what
 * still gets through is a duplicate with the same event id. A silent leader is probed with one call at a time, and
 * nothing waits behind that call.
 */
export function createLeaderQueue(options: {
  /** Its name, for the log. */
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

  const begin = (): ProduceBatch => {
    const { batchMaxEvents: maxEvents, encode } = options;
    const batch = createProduceBatch({ slabs, maxEvents, encode });
    unsettled.add(batch);
    isOpenDue = false;
    waiting = setTimeout(sendOpen, options.lingerMs);
    const beganAtMs = performance.now();
    const late = setTimeout(() => {
      batch.deliver(() => "retry");
      // A call may wait for followers of its partitions while others are answered.
      const isSent = batch !== open && !full.includes(batch);
      if (isSent && answeredAtMs > beganAtMs) return;
      falls(`no acknowledgement within ${options.produceMaxWaitMs} ms`);
    }, options.produceMaxWaitMs);
    void batch.delivered.then(() => clearTimeout(late));
    return batch;
  };

  const sendFull = (batch: ProduceBatch) => {
    closeOpen();
    full.push(batch);
    sendWhatIsDue();
  };

  const closeOpen = () => {
    open = undefined;
    clearTimeout(waiting);
  };

  const sendOpen = () => {
    isOpenDue = true;
    sendWhatIsDue();
  };

  const nextDue = (): ProduceBatch | undefined =>
    sends < (isSilent ? 1 : MAX_SENDS)
      ? (full.shift() ?? (isOpenDue ? open : undefined))
      : undefined;

  const sendWhatIsDue = () => {
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
    if (failed.some(isBrokersAnswer) || failed.length < failures.length) answers();
    else falls(messageOf(failed[0]));
    if (failed.length < failures.length) options.onAccepted();
    options.observeProduceSeconds((performance.now() - startedAt) / 1_000);
    unsettled.delete(batch);
    slabs.giveBack(batch.slabs);
    sends--;
    sendWhatIsDue();
  };

  const answers = () => {
    isSilent = false;
    answeredAtMs = performance.now();
  };

  /** Queued batches would wait for that leader only: their senders are asked to retry now. */
  const falls = (reason: string) => {
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
      if (open?.hasRoomFor(events.length) === false) sendFull(open);
      const batch = (open ??= begin());
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
