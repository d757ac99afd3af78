import { messageOf } from "@fiberstream/runtime/errors";

/** A broker has answered with an error of the protocol; `type` is its name, such as "NOT_COORDINATOR". */
export class BrokerAnswerError extends Error {
  override readonly name = "BrokerAnswerError";
  readonly type: string;

  constructor(type: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.type = type;
  }
}

/** The protocol's error codes that FiberStream handles (Kafka protocol guide). */
const TYPES: ReadonlyMap<number, string> = new Map([
  [1, "OFFSET_OUT_OF_RANGE"],
  [2, "CORRUPT_MESSAGE"],
  [3, "UNKNOWN_TOPIC_OR_PARTITION"],
  [5, "LEADER_NOT_AVAILABLE"],
  [6, "NOT_LEADER_OR_FOLLOWER"],
  [7, "REQUEST_TIMED_OUT"],
  [8, "BROKER_NOT_AVAILABLE"],
  [9, "REPLICA_NOT_AVAILABLE"],
  [10, "MESSAGE_TOO_LARGE"],
  [12, "OFFSET_METADATA_TOO_LARGE"],
  [14, "COORDINATOR_LOAD_IN_PROGRESS"],
  [15, "COORDINATOR_NOT_AVAILABLE"],
  [16, "NOT_COORDINATOR"],
  [17, "INVALID_TOPIC_EXCEPTION"],
  [18, "RECORD_LIST_TOO_LARGE"],
  [19, "NOT_ENOUGH_REPLICAS"],
  [20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"],
  [22, "ILLEGAL_GENERATION"],
  [23, "INCONSISTENT_GROUP_PROTOCOL"],
  [24, "INVALID_GROUP_ID"],
  [25, "UNKNOWN_MEMBER_ID"],
  [26, "INVALID_SESSION_TIMEOUT"],
  [27, "REBALANCE_IN_PROGRESS"],
  [29, "TOPIC_AUTHORIZATION_FAILED"],
  [30, "GROUP_AUTHORIZATION_FAILED"],
  [31, "CLUSTER_AUTHORIZATION_FAILED"],
  [32, "INVALID_TIMESTAMP"],
  [33, "UNSUPPORTED_SASL_MECHANISM"],
  [34, "ILLEGAL_SASL_STATE"],
  [35, "UNSUPPORTED_VERSION"],
  [42, "INVALID_REQUEST"],
  [45, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
  [47, "INVALID_PRODUCER_EPOCH"],
  [48, "INVALID_TXN_STATE"],
  [49, "INVALID_PRODUCER_ID_MAPPING"],
  [50, "INVALID_TRANSACTION_TIMEOUT"],
  [51, "CONCURRENT_TRANSACTIONS"],
  [52, "TRANSACTION_COORDINATOR_FENCED"],
  [53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"],
  [56, "KAFKA_STORAGE_ERROR"],
  [58, "SASL_AUTHENTICATION_FAILED"],
  [59, "UNKNOWN_PRODUCER_ID"],
  [74, "FENCED_LEADER_EPOCH"],
  [75, "UNKNOWN_LEADER_EPOCH"],
  [76, "UNSUPPORTED_COMPRESSION_TYPE"],
  [78, "OFFSET_NOT_AVAILABLE"],
  [79, "MEMBER_ID_REQUIRED"],
  [81, "GROUP_MAX_SIZE_REACHED"],
  [82, "FENCED_INSTANCE_ID"],
  [87, "INVALID_RECORD"],
  [88, "UNSTABLE_OFFSET_COMMIT"],
  [90, "PRODUCER_FENCED"],
  [100, "UNKNOWN_TOPIC_ID"],
  [103, "INCONSISTENT_TOPIC_ID"],
  [120, "TRANSACTION_ABORTABLE"],
]);

/** Returns an error code's name; undefined for 0, no error. */
export const answerType = (code: number): string | undefined =>
  code === 0 ? undefined : (TYPES.get(code) ?? `ERROR_${code}`);

/** @param about the request, for the message */
export function throwIfFailed(code: number, about: string): void {
  const type = answerType(code);
  if (type !== undefined) throw new BrokerAnswerError(type, `${about}: ${type}`);
}

/**
 * Converts what `@platformatic/kafka` rejects with: an error of the protocol to a BrokerAnswerError with its name, others
 * to an error with their deepest message.
 */
export function brokerError(error: unknown, about: string): Error {
  const type = protocolErrorIn(error);
  if (type !== undefined) {
    return new BrokerAnswerError(type, `${about}: ${type}`, { cause: error });
  }
  return new Error(`${about}: ${deepestMessage(error)}`, { cause: error });
}

function protocolErrorIn(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("apiId" in error && typeof error.apiId === "string") return error.apiId;
  if ("errors" in error && Array.isArray(error.errors)) {
    const first = error.errors.map(protocolErrorIn).find((type) => type !== undefined);
    if (first !== undefined) return first;
  }
  return "cause" in error ? protocolErrorIn(error.cause) : undefined;
}

function deepestMessage(error: unknown): string {
  const cause = typeof error === "object" && error !== null && "cause" in error && error.cause;
  return cause ? deepestMessage(cause) : messageOf(error);
}
