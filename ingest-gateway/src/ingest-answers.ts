import { randomUUID } from "node:crypto";
import { type Answer, jsonAnswer, retryAfter } from "./answers/answer.ts";
import type { Fault } from "@fiberstream/event-rules/fault";
import { type IndexedFault, meaningOf, type Rejection } from "./answers/codes.ts";
import { LIMITS } from "./answers/limits.ts";
import { Refusal } from "./answers/refusal.ts";
import type { AcknowledgedEvents } from "./idempotency/acknowledged-events.ts";
import type { Delivery } from "./produce/produce-batch.ts";
import type { CheckedEvents } from "./validation/validate-events.ts";

/** The state of a request's events after Kafka's answer. */
export type DeliveryResult = {
  readonly deliveries: readonly Delivery[];
  /** Events that were acknowledged in earlier attempts; those of this attempt are added. */
  readonly acknowledged: AcknowledgedEvents;
  readonly batchId: string | undefined;
  readonly sourceRegion: string | null;
};

/** `isFinal`: no event is left to send again. */
export type IngestAnswer = { readonly answer: Answer; readonly isFinal: boolean };

/**
 * Returns the answer to a single event.
 * @throws {Refusal} if it was not accepted
 */
export function answerOne(checked: CheckedEvents, { deliveries }: DeliveryResult): IngestAnswer {
  const [rejection] = checked.rejections;
  if (rejection !== undefined) throw rejectedAll(rejection.faults);
  if (checked.undecided?.length) throw undecidedAll();
  if (deliveries[0] !== "accepted") throw notAcknowledged();
  const answer: Answer = {
    status: 202,
    contentType: "application/json",
    body: `{"status":"accepted","event_id":"${checked.eventId ?? ""}"}`,
  };
  return { answer, isFinal: true };
}

/**
 * Returns the answer to a batch: which events were not accepted, and why.
 * @throws {Refusal} if none was accepted: 503 if a retry may help any of them
 */
export function answerBatch(checked: CheckedEvents, result: DeliveryResult): IngestAnswer {
  const { rejections, indexes, undecided = [] } = checked;
  const { deliveries, acknowledged } = result;
  const retries: number[] = [];
  for (const [at, index] of indexes.entries()) {
    if (deliveries[at] === "accepted") acknowledged.add(index);
    else retries.push(index);
  }
  const accepted = acknowledged.count();
  if (accepted === 0 && retries.length > 0) throw notAcknowledged(withIndexes(rejections));
  if (accepted === 0 && undecided.length > 0) throw undecidedAll(withIndexes(rejections));
  if (accepted === 0) throw rejectedAll(withIndexes(rejections));
  const answer = jsonAnswer(202, {
    status: "accepted",
    message: `Queued ${accepted} metrics`,
    data: {
      batch_id: result.batchId ?? randomUUID(),
      source_region: result.sourceRegion,
      accepted,
      rejected: rejections.length,
      retry: retries.length + undecided.length,
    },
    results: [
      ...rejections.map(rejected),
      ...retries.map((index) => ({ index, status: "retry", code: "KAFKA_UNAVAILABLE" })),
      ...undecided.map((index) => ({ index, status: "retry", code: "AUTH_UNAVAILABLE" })),
    ].toSorted((a, b) => a.index - b.index),
  });
  return retries.length + undecided.length === 0
    ? { answer, isFinal: true }
    : { answer: { ...answer, headers: retryAfter("KAFKA_UNAVAILABLE") }, isFinal: false };
}

/** Only the first ones have messages, so that an answer stays small. */
const rejected = ({ index, faults }: Rejection, at: number) => ({
  index,
  status: "rejected",
  ...(at < LIMITS.explainedRejections
    ? { ...faults[0], ...(faults.length > 1 && { errors: faults }) }
    : { code: faults[0]?.code }),
});

const withIndexes = (rejections: readonly Rejection[]): IndexedFault[] =>
  rejections.flatMap(({ index, faults }, at) =>
    at < LIMITS.explainedRejections
      ? faults.map((fault) => ({ index, ...fault }))
      : faults.slice(0, 1).map(({ code }) => ({ index, code })),
  );

/**
 * Refuses the request with the code of the first event that has a fault of its own (422). Without such an event, the code
 * is that of a line that is not JSON (400). Only if the key may not report for any of the nodes, the code is 403.
 */
function rejectedAll(faults: readonly IndexedFault[]): Refusal {
  const { code, message = "" } =
    faults.find((fault) => meaningOf(fault.code).status === 422) ??
    faults.find((fault) => meaningOf(fault.code).status !== 403) ??
    faults[0] ??
    NO_FAULT;
  const detail = faults.length > 1 ? `${message} (and ${faults.length - 1} more)` : message;
  return new Refusal(code, detail, { faults });
}

/** For the type checker only: a rejection always has a fault. */
const NO_FAULT: Fault = { code: "BAD_FORMAT", message: "the event could not be read" };

const notAcknowledged = (faults: readonly IndexedFault[] = []): Refusal =>
  new Refusal("KAFKA_UNAVAILABLE", "Kafka did not acknowledge the events: send them again later", {
    faults,
  });

const undecidedAll = (faults: readonly IndexedFault[] = []): Refusal =>
  new Refusal(
    "AUTH_UNAVAILABLE",
    "Redis is unavailable, and only it knows whether this key may report for further nodes: send the events again later",
    { faults },
  );
