import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { followTopic } from "@fiberstream/kafka/topic-follower";
import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import type { Log } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { type Quantiles, quantilesOf } from "../harness/quantiles.ts";

const SEND_INTERVAL_MS = 10;
/** Sent before the measurement, so that sender and reader are compiled. */
const WARM_UP_EVENTS = 500;

/** Sends 100 single events/s, and measures the time from a raw record's acknowledgement to its enriched record. */
export async function measureFreshness(options: {
  kafka: KafkaClient;
  producer: Producer;
  topics: { raw: string; enriched: string };
  record: (number: number) => OutgoingRecord;
  seconds: number;
  log: Log;
}): Promise<Quantiles> {
  const { kafka, producer, topics, record, log } = options;
  const seenMs = new Map<string, number>();
  const follower = followTopic({
    kafka,
    topic: topics.enriched,
    onRecords: (records) => {
      for (const { value } of records) seenMs.set(eventIdOf(value), performance.now());
    },
    log,
  });
  await follower.caughtUp;
  const ackedMs = new Map<string, number>();
  const sends: Promise<void>[] = [];
  const begunMs = performance.now();
  for (let number = 0; number < WARM_UP_EVENTS + options.seconds * 100; number++) {
    const raw = record(number);
    const id = eventIdOf(raw.value);
    sends.push(
      producer.send(topics.raw, [raw]).then(() => void ackedMs.set(id, performance.now())),
    );
    await delay(Math.max(0, begunMs + (number + 1) * SEND_INTERVAL_MS - performance.now()));
  }
  await Promise.all(sends);
  await until(() => [...ackedMs.keys()].every((id) => seenMs.has(id)), {
    what: "all enriched records arrived",
  });
  await follower.close();
  const tookMs = [...ackedMs]
    .slice(WARM_UP_EVENTS)
    .map(([id, atMs]) => Math.max(0, (seenMs.get(id) ?? NaN) - atMs));
  return quantilesOf(tookMs);
}

/** Returns the event_id, which is the first field: a length byte, then 36 characters. */
const eventIdOf = (value: Buffer | null): string =>
  value?.toString("latin1", WIRE_PREFIX_BYTES + 1, WIRE_PREFIX_BYTES + 37) ?? "";
