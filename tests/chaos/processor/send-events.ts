import { setTimeout as delay } from "node:timers/promises";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

const SEND_INTERVAL_MS = 100;

/** Sends events at a rate until all are acknowledged; it sends unacknowledged ones again. */
export async function sendEvents(options: {
  producer: Producer;
  topic: string;
  record: (number: number) => OutgoingRecord;
  events: number;
  rate: number;
  onSent: (events: number) => void;
}): Promise<void> {
  const { producer, topic, record, events, rate } = options;
  const portion = Math.max(1, Math.round((rate * SEND_INTERVAL_MS) / 1_000));
  const begunMs = performance.now();
  for (let at = 0; at < events; at += portion) {
    const count = Math.min(portion, events - at);
    const records = Array.from({ length: count }, (_, index) => record(at + index));
    await untilSent(producer, topic, records);
    options.onSent(at + count);
    await delay(Math.max(0, begunMs + ((at + count) / rate) * 1_000 - performance.now()));
  }
}

async function untilSent(
  producer: Producer,
  topic: string,
  records: readonly OutgoingRecord[],
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await producer.send(topic, records);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await delay(retryDelayMs(tries));
    }
  }
}
