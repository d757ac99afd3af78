import { setTimeout as delay } from "node:timers/promises";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createLog } from "@fiberstream/runtime/log";
import type { Gate } from "./gate.ts";

const EVERY_MS = 2_000;

/**
 * Sends a record that cannot be decoded to each topic of events every 2 s, until it is stopped.
 * @returns how many Kafka has acknowledged
 */
export async function plantBadRecords(options: {
  brokers: readonly string[];
  gate: Gate;
  stopping: AbortSignal;
}): Promise<number> {
  const { brokers, gate, stopping } = options;
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const kafka = createKafka({ brokers, clientId: "chaos", log });
  const producer = await connectProducer({ kafka });
  let acknowledged = 0;
  for (let number = 0; !stopping.aborted; number++) {
    await gate.pass();
    for (const topic of ["probe.metrics.raw", "probe.metrics.enriched"]) {
      const value = Buffer.from(`not an event: ${number}`);
      await producer.send(topic, [{ key: `bad-${number}`, value }]).then(
        () => acknowledged++,
        // The broker is down because of a fault: the record may have been written or not.
        () => undefined,
      );
    }
    await delay(EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  await producer.close();
  return acknowledged;
}
