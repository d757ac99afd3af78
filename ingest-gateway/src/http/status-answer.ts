import { type Answer, jsonAnswer, retryAfter } from "../answers/answer.ts";

/** What the status page shows. All of it is known without a call. */
export type StatusSources = {
  readonly canAccept: () => boolean;
  readonly isStopping: () => boolean;
  readonly isKafkaUp: () => boolean;
  readonly isRegistryUp: () => boolean;
  readonly isRedisUp: () => boolean;
  /** Whether a batch with an id is safe to send again. */
  readonly isProtectionOn: () => boolean;
};

/** Returns 503 exactly while events cannot be accepted; the registry and Redis are not needed for that. */
export function statusAnswer(sources: StatusSources): Answer {
  const word = (isUp: boolean) => (isUp ? "ok" : "unavailable");
  const canAccept = sources.canAccept();
  const answer = jsonAnswer(canAccept ? 200 : 503, {
    status: canAccept ? "ok" : "degraded",
    data: {
      api: sources.isStopping() ? "stopping" : "ok",
      kafka: word(sources.isKafkaUp()),
      registry: word(sources.isRegistryUp()),
      redis: word(sources.isRedisUp()),
      idempotency: word(sources.isProtectionOn()),
    },
  });
  return canAccept ? answer : { ...answer, headers: retryAfter("KAFKA_UNAVAILABLE") };
}
