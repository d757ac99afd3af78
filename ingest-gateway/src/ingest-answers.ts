import { randomUUID } from "node:crypto";
import { type Answer, jsonAnswer, retryAfter } from "./answer.ts";
import type { KeptEvents } from "./batches/kept-events.ts";
import { type Fault, type IndexedFault, meaningOf, type Rejection } from "./codes.ts";
import type { Delivery } from "./gather.ts";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { CheckedEvents } from "./validate-events.ts";

/** What is known of a request's events when Kafka has answered. */
export type Outcome = {
  readonly deliveries: readonly Delivery[];
  /** Events that were kept before; those of this try are added. */
  readonly kept: KeptEvents;
  readonly batchId: string | undefined;
  readonly sourceRegion: string | null;
};

/** `isFinal`: nothing is left that a new try could bring in. */
export type IngestAnswer = { readonly answer: Answer; readonly isFinal: boolean };

/** The answer to a single event. @throws {Refusal} when it was not accepted */
export function answerOne(checked: CheckedEvents, { deliveries }: Outcome): IngestAnswer {
  const [rejection] = checked.rejections;
  if (rejection !== undefined) throw rejectedAll(rejection.faults);
  if (deliveries[0] !== "accepted") throw notKept();
  const answer: Answer = {
    status: 202,
    contentType: "application/json",
    body: `{"status":"accepted","event_id":"${checked.eventId ?? ""}"}`,
  };
  return { answer, isFinal: true };
}

/**
 * The answer to a batch: which events were not accepted and why.
 * @throws {Refusal} when none was accepted: with 503 if a new try can help any of them
 */
export function answerBatch(checked: CheckedEvents, outcome: Outcome): IngestAnswer {
  const { rejections, indexes } = checked;
  const { deliveries, kept } = outcome;
  const retries: number[] = [];
  for (const [at, index] of indexes.entries()) {
    if (deliveries[at] === "accepted") kept.add(index);
    else retries.push(index);
  }
  const accepted = kept.count();
  if (accepted === 0 && retries.length > 0) throw notKept(withIndexes(rejections));
  if (accepted === 0) throw rejectedAll(withIndexes(rejections));
  const answer = jsonAnswer(202, {
    status: "accepted",
    message: `Queued ${accepted} metrics`,
    data: {
      batch_id: outcome.batchId ?? randomUUID(),
      source_region: outcome.sourceRegion,
      accepted,
      rejected: rejections.length,
      retry: retries.length,
    },
    results: [
      ...rejections.map(rejected),
      ...retries.map((index) => ({ index, status: "retry", code: "KAFKA_UNAVAILABLE" })),
    ].toSorted((one, other) => one.index - other.index),
  });
  return retries.length === 0
    ? { answer, isFinal: true }
    : { answer: { ...answer, headers: retryAfter("KAFKA_UNAVAILABLE") }, isFinal: false };
}

/** Only the first ones in full, so that an answer stays small whatever is sent. */
const rejected = ({ index, faults }: Rejection, place: number) => ({
  index,
  status: "rejected",
  ...(place < LIMITS.explainedRejections
    ? { ...faults[0], ...(faults.length > 1 && { errors: faults }) }
    : { code: faults[0]?.code }),
});

const withIndexes = (rejections: readonly Rejection[]): IndexedFault[] =>
  rejections.flatMap(({ index, faults }, place) =>
    place < LIMITS.explainedRejections
      ? faults.map((fault) => ({ index, ...fault }))
      : faults.slice(0, 1).map(({ code }) => ({ index, code })),
  );

/**
 * With the code of the first event that was read and has a fault of its own (422): only where there is none it is
 * that of a line that is not JSON (400), and only where all are of nodes that the key may not report for, theirs (403).
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

/** A rejection always has a fault; the type of a list cannot say so. */
const NO_FAULT: Fault = { code: "BAD_FORMAT", message: "the event could not be read" };

const notKept = (faults: readonly IndexedFault[] = []): Refusal =>
  new Refusal("KAFKA_UNAVAILABLE", "Kafka did not acknowledge the events: send them again later", {
    faults,
  });
