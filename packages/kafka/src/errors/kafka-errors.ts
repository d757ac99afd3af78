import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";

/**
 * Classifies an error of a Kafka client. An error that is not in the table is transient: continuing without Kafka's
 * answer could lose records.
 */
export function kafkaFailure(error: unknown): TransientError | FatalError {
  if (error instanceof TransientError || error instanceof FatalError) return error;
  const type = typeOf(error);
  const isFatal = type !== undefined && !isInterruptedLogin(type, error);
  const advice = isFatal ? FATAL.get(type) : undefined;
  if (advice !== undefined) {
    return new FatalError(`Kafka rejects the request: ${messageOf(error)}`, advice, {
      cause: error,
    });
  }
  return new TransientError("kafka", messageOf(error), { cause: error });
}

/** Whether another producer with the same transactional id has taken over. */
export const isFenced = (error: unknown): boolean => FENCED.has(typeOf(error) ?? "");

/** Whether the cluster has no such topic. */
export const isTopicMissing = (error: unknown): boolean =>
  typeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION";

/** Whether a broker has answered with an error, for example about one partition: then Kafka is available. */
export const isBrokersAnswer = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  (("name" in error &&
    (error.name === "KafkaJSProtocolError" || error.name === "BrokerAnswerError")) ||
    ("cause" in error && isBrokersAnswer(error.cause)));

/** Returns the protocol's name of an error ("TOPIC_AUTHORIZATION_FAILED"), or the client's class name, from its causes too. */
export function typeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("type" in error && typeof error.type === "string") return error.type;
  if ("cause" in error && error.cause !== undefined) return typeOf(error.cause);
  return "name" in error ? String(error.name) : undefined;
}

/**
 * A connection that fails during authentication, for example because a broker stops, is not a rejected login. The client
 * has one error class for both; they differ in the message.
 */
const isInterruptedLogin = (type: string, error: unknown): boolean =>
  type === "KafkaJSSASLAuthenticationError" && INTERRUPTED.test(messageOf(error));

const INTERRUPTED =
  /closed connection|connection (error|timeout)|timed out|ECONN|EPIPE|not connected/i;

const FATAL: ReadonlyMap<string, string> = new Map([
  ["KafkaJSSASLAuthenticationError", "Check the credentials"],
  ["SASL_AUTHENTICATION_FAILED", "Check the credentials"],
  ["TOPIC_AUTHORIZATION_FAILED", "Grant this user access to the topic"],
  ["GROUP_AUTHORIZATION_FAILED", "Grant this user access to the consumer group"],
  ["CLUSTER_AUTHORIZATION_FAILED", "Grant this user the operation on the cluster"],
  ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "Grant this user access to the transactional id"],
  ["SECURITY_DISABLED", "Set authorizer.class.name on the brokers: this cluster has no authorizer"],
  ["UNSUPPORTED_VERSION", "Use brokers of a supported version: Kafka 3.7 or newer"],
  ["KafkaJSServerDoesNotSupportApiKey", "Use brokers of a supported version: Kafka 3.7 or newer"],
]);

const FENCED = new Set(["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "INVALID_TXN_STATE"]);
