import { setTimeout as delay } from "node:timers/promises";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";

export type Admin = ReturnType<KafkaClient["admin"]>;

/** Long enough for a broker to return that is down because of another fault. */
export const RETRY_FOR_MS = 60_000;

export const chaosKafka = (brokers: readonly string[]): KafkaClient =>
  createKafka({
    brokers,
    clientId: "chaos",
    log: createLog({ service: "chaos", level: "silent", format: "json" }),
  });

/** Runs `work` with Kafka's admin client, as soon as a broker answers. */
export async function withAdmin<T>(
  brokers: readonly string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = chaosKafka(brokers).admin();
  try {
    await until(() => admin.connect().then(() => true), {
      what: "the broker answers",
      timeoutMs: RETRY_FOR_MS,
    });
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Timeout, because a call of kafkajs may never resolve if its connection is lost. */
const CALL_TIMEOUT_MS = 15_000;

/** Retries `work`, each time with a new connection, until it succeeds. */
export const retryWithAdmin = <T>(
  brokers: readonly string[],
  what: string,
  work: (admin: Admin) => Promise<T>,
): Promise<NonNullable<T>> =>
  until(
    () =>
      Promise.race([
        withAdmin(brokers, work),
        delay(CALL_TIMEOUT_MS).then(() => {
          throw new Error("no answer");
        }),
      ]),
    { what, timeoutMs: RETRY_FOR_MS },
  );
