import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { Refusal } from "../answers/refusal.ts";

/** Longer than a search is given, so that only a Kafka that does not answer reaches it. */
const MAX_MS = 8_000;

/**
 * Answers a question from Kafka, which may not take for ever.
 * @throws {Refusal} KAFKA_UNAVAILABLE
 */
export async function askKafka<T>(work: (stopping: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  try {
    return await withTimeout(work(stop.signal), {
      maxWaitMs: MAX_MS,
      late: () => new TransientError("kafka", `no answer within ${MAX_MS} ms`),
    });
  } catch (error) {
    if (error instanceof TransientError || error instanceof FatalError) {
      throw new Refusal("KAFKA_UNAVAILABLE", `Kafka cannot be asked right now: ${reasonOf(error)}`);
    }
    throw error;
  } finally {
    stop.abort();
  }
}

/** Without the addresses of brokers, which an asker need not know. */
const reasonOf = (error: unknown): string =>
  messageOf(error).replaceAll(/\[?[\w.-]+\]?:\d{1,5}\b/g, "a broker");
