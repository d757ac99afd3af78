import { setTimeout as delay } from "node:timers/promises";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";

export type Admin = ReturnType<KafkaClient["admin"]>;

/** A broker that another fault has taken down comes back. */
export const TRY_FOR_MS = 60_000;

export const chaosKafka = (brokers: readonly string[]): KafkaClient =>
  createKafka({
    brokers,
    clientId: "chaos",
    log: createLog({ service: "chaos", level: "silent", format: "json" }),
  });

/** Does what an operator does with Kafka, once a broker answers. */
export async function withAdmin<T>(
  brokers: readonly string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = chaosKafka(brokers).admin();
  try {
    await until(() => admin.connect().then(() => true), {
      what: "the broker answers",
      timeoutMs: TRY_FOR_MS,
    });
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A call of kafkajs may never settle where its connection goes away at the wrong moment. */
const CALL_WITHIN_MS = 15_000;

/** Does it again, each time over a connection of its own, until it is done. */
export const insistWithAdmin = <T>(
  brokers: readonly string[],
  what: string,
  work: (admin: Admin) => Promise<T>,
): Promise<NonNullable<T>> =>
  until(
    () =>
      Promise.race([
        withAdmin(brokers, work),
        delay(CALL_WITHIN_MS).then(() => {
          throw new Error("no answer");
        }),
      ]),
    { what, timeoutMs: TRY_FOR_MS },
  );
