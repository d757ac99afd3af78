import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { Refusal } from "../answers/refusal.ts";
import { currentAsking } from "./asking.ts";

/** Longer than a search is given, so that only a Kafka that does not answer reaches it. */
const MAX_MS = 8_000;

/**
 * Answers a question from Kafka, which may not take for ever. It stops when nobody waits any more.
 * @throws {Refusal} KAFKA_UNAVAILABLE
 */
export async function askKafka<T>(work: (stopping: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const gone = currentAsking()?.gone;
  const leave = () => stop.abort();
  gone?.throwIfAborted();
  gone?.addEventListener("abort", leave, { once: true });
  try {
    const found = await withTimeout(work(stop.signal), {
      maxWaitMs: MAX_MS,
      late: () => new TransientError("kafka", `no answer within ${MAX_MS} ms`),
    });
    // Otherwise what was found so far would be shared as if it were all.
    gone?.throwIfAborted();
    return found;
  } catch (error) {
    gone?.throwIfAborted();
    if (error instanceof TransientError || error instanceof FatalError) {
      throw new Refusal("KAFKA_UNAVAILABLE", `Kafka cannot be asked right now: ${reasonOf(error)}`);
    }
    throw error;
  } finally {
    gone?.removeEventListener("abort", leave);
    stop.abort();
  }
}

/** Without the addresses of brokers, which an asker need not know. */
const reasonOf = (error: unknown): string =>
  messageOf(error).replaceAll(/\[?[\w.-]+\]?:\d{1,5}\b/g, "a broker");
