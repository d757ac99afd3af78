import { Refusal } from "../answers/refusal.ts";
import type { EventProducer } from "../produce/event-producer.ts";

/**
 * Admits a request before anything of it is read, or answers 503 at once: while the gateway stops, and while Kafka is
 * known to be unavailable, so that senders do not wait for Kafka in a queue.
 *
 * @throws {Refusal} DRAINING, KAFKA_UNAVAILABLE
 */
export type Admit = () => EventProducer["produce"];

/** @param options.producer undefined until Kafka and the registry have been available once */
export function createAdmission(options: {
  stopping: AbortSignal;
  producer: () => EventProducer | undefined;
  isKafkaUp: () => boolean;
}): Admit {
  const { stopping } = options;
  return () => {
    if (stopping.aborted) {
      throw new Refusal(
        "DRAINING",
        "this gateway is shutting down: send this again on a new connection",
      );
    }
    const producer = options.producer();
    if (producer === undefined || !options.isKafkaUp()) {
      throw new Refusal(
        "KAFKA_UNAVAILABLE",
        "Kafka is unavailable and nothing was stored: send this again later",
      );
    }
    return producer.produce;
  };
}
