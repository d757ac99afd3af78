import type { EventProducer } from "./event-producer.ts";
import type { InFlightBudget, Lease } from "./in-flight-budget.ts";
import { Refusal } from "./refusal.ts";

/** What a request that is let in works with; the lease is released when it has its answer. */
export type Admitted = { readonly lease: Lease; readonly produce: EventProducer["produce"] };

/**
 * Lets a request in, before anything of its body is read, or refuses it with 503 at once: while the
 * gateway stops, and while Kafka is known to be away, so that senders do not wait for it in a queue.
 *
 * @param options.producer undefined until Kafka and the registry were there for the first time
 */
export function createAdmission(options: {
  stopping: AbortSignal;
  producer: () => EventProducer | undefined;
  isKafkaUp: () => boolean;
  budget: InFlightBudget;
}): () => Admitted {
  const { stopping, budget } = options;
  return () => {
    if (stopping.aborted) {
      throw new Refusal(
        "DRAINING",
        "this gateway is stopping: send this again on a new connection",
      );
    }
    const producer = options.producer();
    if (producer === undefined || !options.isKafkaUp()) {
      throw new Refusal(
        "KAFKA_UNAVAILABLE",
        "Kafka is away and nothing was kept: send this again later",
      );
    }
    return { lease: budget.lease(), produce: producer.produce };
  };
}
