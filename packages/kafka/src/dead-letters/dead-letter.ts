import type { DeadReason } from "@fiberstream/runtime/outcome";
import { messageOf } from "@fiberstream/runtime/errors";
import type { IncomingRecord, OutgoingRecord } from "../records.ts";

/** Where a record came from, and which service dead-lettered it. */
export type DeadLetterOrigin = {
  readonly topic: string;
  readonly partition: number;
  readonly groupId: string;
  /** The service that could not process it. */
  readonly service: string;
  /** The step of the service's story, e.g. "decode". */
  readonly stage: string;
};

/**
 * Returns the record unchanged, with headers that tell where it came from and why it was dead-lettered: with Kafka
 * Connect's names if Connect has one, `fiber.dlq.*` for the rest. All are UTF-8 text.
 */
export function deadLetterOf(
  record: IncomingRecord,
  origin: DeadLetterOrigin,
  reason: DeadReason,
  failedAt: Date,
): OutgoingRecord {
  const cause = reason.cause;
  const headers: Record<string, string> = {
    "__connect.errors.topic": origin.topic,
    "__connect.errors.partition": String(origin.partition),
    "__connect.errors.offset": record.offset,
    "__connect.errors.connector.name": origin.service,
    "__connect.errors.task.id": String(origin.partition),
    "__connect.errors.stage": origin.stage,
    "__connect.errors.class.name": origin.service,
    "__connect.errors.exception.class.name": cause instanceof Error ? cause.name : "InvalidRecord",
    "__connect.errors.exception.message": reason.message,
    // Without the first line, which repeats a message that may quote the payload.
    "__connect.errors.exception.stacktrace": cause instanceof Error ? framesOf(cause) : "",
    "__dlq.errors.group": origin.groupId,
    "__dlq.errors.delivery.count": "1",
    "fiber.dlq.failure-class": reason.failureClass,
    "fiber.dlq.failed-at": failedAt.toISOString(),
    ...(reason.schemaId !== undefined && { "fiber.dlq.schema-id": String(reason.schemaId) }),
    "fiber.dlq.replay-count": replayCountOf(record),
  };
  return {
    key: record.key,
    value: record.value,
    timestamp: record.timestamp,
    headers: { ...record.headers, ...headers },
  };
}

function framesOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return frames.slice(0, 8).join("\n");
}

function replayCountOf(record: IncomingRecord): string {
  const header = record.headers?.["fiber.dlq.replay-count"];
  const text = Array.isArray(header) ? header[0] : header;
  // A header may have no value, whatever its type says.
  return text?.toString() ?? "0";
}

/** Returns the message of an error without quoted text, which may be from a payload, for a dead letter's headers. */
export const redacted = (error: unknown): string => messageOf(error).replaceAll(/"[^"]*"/g, '"…"');
