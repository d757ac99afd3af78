import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { followTopic } from "@fiberstream/kafka/topic-follower";
import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import type { Log } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { type Quantiles, quantilesOf } from "../harness/quantiles.ts";

const EVERY_MS = 10;
/** Sent before, and not counted: the sender and the reader have to be compiled first, as nobody's probe has. */
const WARM_UP_EVENTS = 500;

/** Sends 100 events/s one by one; how long from a raw event's acknowledgement to its enriched record. */
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
    await delay(Math.max(0, begunMs + (number + 1) * EVERY_MS - performance.now()));
  }
  await Promise.all(sends);
  await until(() => [...ackedMs.keys()].every((id) => seenMs.has(id)), { what: "all came" });
  await follower.close();
  const tookMs = [...ackedMs]
    .slice(WARM_UP_EVENTS)
    .map(([id, atMs]) => Math.max(0, (seenMs.get(id) ?? NaN) - atMs));
  return quantilesOf(tookMs);
}

/** The id is an event's first field: a length byte, then 36 characters. */
const eventIdOf = (value: Buffer | null): string =>
  value?.toString("latin1", WIRE_PREFIX_BYTES + 1, WIRE_PREFIX_BYTES + 37) ?? "";
