import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { followTopic } from "@fiberstream/kafka/topic-follower";
import type { Log } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { Client } from "pg";
import { type Quantiles, quantilesOf } from "../harness/quantiles.ts";

const SEND_INTERVAL_MS = 10;

/**
 * Changes the name of a node repeatedly while it sends 100 events/s, and measures the time from the commit of the change
 * to the first record with it.
 */
export async function measureNodeChanges(options: {
  kafka: KafkaClient;
  producer: Producer;
  topics: { raw: string; enriched: string };
  record: (number: number) => OutgoingRecord;
  databaseUrl: string;
  nodeId: string;
  changes: number;
  log: Log;
}): Promise<Quantiles> {
  const { kafka, producer, topics, record, nodeId, log } = options;
  let wanted = "";
  let seenMs: number | undefined;
  const follower = followTopic({
    kafka,
    topic: topics.enriched,
    onRecords: (records) => {
      if (wanted !== "" && records.some(({ value }) => value?.includes(wanted)))
        seenMs ??= performance.now();
    },
    log,
  });
  await follower.caughtUp;
  const sql = new Client({ connectionString: options.databaseUrl });
  await sql.connect();
  const sends: Promise<void>[] = [];
  const sending = setInterval(() => {
    sends.push(producer.send(topics.raw, [record(sends.length)]));
  }, SEND_INTERVAL_MS);
  const tookMs: number[] = [];
  try {
    for (let change = 0; change < options.changes; change++) {
      seenMs = undefined;
      wanted = randomUUID();
      await sql.query("UPDATE nodes SET display_name = $1 WHERE node_id = $2", [wanted, nodeId]);
      const changedMs = performance.now();
      await until(() => seenMs !== undefined, {
        what: "a record has the new name",
        timeoutMs: 30_000,
      });
      tookMs.push((seenMs ?? NaN) - changedMs);
      // A random pause, so that changes are not synchronized with the processor's polling.
      await delay(Math.random() * 1_000);
    }
    clearInterval(sending);
    await Promise.all(sends);
  } finally {
    clearInterval(sending);
    await sql.end();
    await follower.close();
  }
  return quantilesOf(tookMs);
}
