import { type Answer, jsonAnswer, retryAfter } from "./answer.ts";
import type { Fault, IndexedFault, Rejection } from "./codes.ts";
import type { Delivery } from "./gather.ts";
import { Refusal } from "./refusal.ts";
import type { CheckedEvents } from "./validate-events.ts";

/** The answer to a single event. @throws {Refusal} when it was not accepted */
export function answerOne(checked: CheckedEvents, deliveries: readonly Delivery[]): Answer {
  const [rejection] = checked.rejections;
  if (rejection !== undefined) throw rejectedAll(rejection.faults);
  if (deliveries[0] !== "accepted") throw notKept();
  const eventId = checked.events[0]?.event_id ?? "";
  return {
    status: 202,
    contentType: "application/json",
    body: `{"status":"accepted","event_id":"${eventId}"}`,
  };
}

/**
 * The answer to a batch: which events were not accepted and why.
 * @throws {Refusal} when none was accepted: with 503 if a new try can help any of them
 */
export function answerBatch(
  checked: CheckedEvents,
  deliveries: readonly Delivery[],
  batch: { batchId: string; sourceRegion: string | null },
): Answer {
  const { rejections, indexes } = checked;
  const retries = indexes.filter((_, at) => deliveries[at] !== "accepted");
  const accepted = indexes.length - retries.length;
  if (accepted === 0 && retries.length > 0) throw notKept(withIndexes(rejections));
  if (accepted === 0) throw rejectedAll(withIndexes(rejections));
  const answer = jsonAnswer(202, {
    status: "accepted",
    message: `Queued ${accepted} metrics`,
    data: {
      batch_id: batch.batchId,
      source_region: batch.sourceRegion,
      accepted,
      rejected: rejections.length,
      retry: retries.length,
    },
    results: [
      ...rejections.map(rejected),
      ...retries.map((index) => ({ index, status: "retry", code: "KAFKA_UNAVAILABLE" })),
    ].toSorted((one, other) => one.index - other.index),
  });
  return retries.length === 0 ? answer : { ...answer, headers: retryAfter("KAFKA_UNAVAILABLE") };
}

const rejected = ({ index, faults }: Rejection) => ({
  index,
  status: "rejected",
  ...faults[0],
  ...(faults.length > 1 && { errors: faults }),
});

const withIndexes = (rejections: readonly Rejection[]): IndexedFault[] =>
  rejections.flatMap(({ index, faults }) => faults.map((fault) => ({ index, ...fault })));

function rejectedAll(faults: readonly IndexedFault[]): Refusal {
  const { code, message } = faults[0] ?? NO_FAULT;
  const detail = faults.length > 1 ? `${message} (and ${faults.length - 1} more)` : message;
  return new Refusal(code, detail, { faults });
}

/** A rejection always has a fault; the type of a list cannot say so. */
const NO_FAULT: Fault = { code: "BAD_FORMAT", message: "the event could not be read" };

const notKept = (faults: readonly IndexedFault[] = []): Refusal =>
  new Refusal("KAFKA_UNAVAILABLE", "Kafka did not acknowledge the events: send them again later", {
    faults,
  });
