import type { TakeTurns } from "../admission/take-turns.ts";
import { type Fault, FAULT_CODES, type FaultCode } from "@fiberstream/event-rules/fault";
import type { Rejection } from "../answers/codes.ts";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { LIMITS } from "../answers/limits.ts";
import { shown } from "@fiberstream/event-rules/shown-value";
import type { Sender } from "../auth/sender.ts";
import type { AcknowledgedEvents } from "../idempotency/acknowledged-events.ts";
import type { ParsedEvents } from "../request/parse-events.ts";
import type { EventValidator, Origin } from "@fiberstream/event-rules/validate-event";

/** The result of validating a request's events, without the valid events themselves. */
export type CheckedEvents = {
  /** The indexes of the valid events in the request, from 0. */
  readonly indexes: readonly number[];
  /** The id of the first valid event. */
  readonly eventId: string | undefined;
  /** Past the first 100 they only have a code. */
  readonly rejections: readonly Rejection[];
  readonly unknownFields: number;
  /** The indexes of valid events that have to be sent again, because nobody can say now whether the sender may report them. */
  readonly undecided?: readonly number[];
};

/**
 * Separates the valid events from the invalid ones: one invalid event never causes its batch to be refused. A long batch
 * yields to other requests in between.
 *
 * @param options.acknowledged events that Kafka has acknowledged in an earlier attempt; they are left out
 * @returns the valid events, and the result for all events
 * @throws {Refusal} MALFORMED_JSON if an event's text makes the whole body invalid
 */
export async function validateEvents(
  parsed: ParsedEvents,
  from: Omit<Origin, "nodeId"> & Pick<Sender, "id" | "mayReport">,
  options: {
    validator: EventValidator;
    acknowledged: Pick<AcknowledgedEvents, "has">;
    takeTurns: TakeTurns;
  },
): Promise<{ events: readonly ProbeMetric[]; checked: CheckedEvents }> {
  const { acknowledged } = options;
  const { validate, countUnknownFields } = options.validator;
  const { mayReport } = from;
  const origin = { ...from, nodeId: parsed.nodeId };
  const events: ProbeMetric[] = [];
  const indexes: number[] = [];
  const rejections: Rejection[] = [];
  let unknownFields = 0;
  const reject = (index: number, faults: readonly Fault[]) => {
    const isExplained = rejections.length < LIMITS.explainedRejections;
    rejections.push({ index, faults: isExplained ? faults : unexplained(faults) });
  };
  const turn = options.takeTurns(from.id);
  for (let index = 0; index < parsed.count; index++) {
    if (index % EVENTS_BETWEEN_CHECKS === 0 && turn.isOver()) await turn.next();
    if (acknowledged.has(index)) continue;
    const faults: Fault[] = [];
    const input = parsed.inputAt(index, faults);
    const result = faults.length === 0 ? validate(input, origin) : faults;
    if (Array.isArray(result)) reject(index, result);
    else if (mayReport !== undefined && !mayReport(result.node_id)) {
      reject(index, [notAllowed(result.node_id)]);
    } else {
      events.push(result);
      indexes.push(index);
      unknownFields += countUnknownFields(input);
    }
  }
  const checked = { indexes, eventId: events[0]?.event_id, rejections, unknownFields };
  return { events, checked };
}

/** Events between two readings of the clock. A reading costs a twentieth of an event; eight of the longest events take 0.5 ms. */
const EVENTS_BETWEEN_CHECKS = 8;

const CODES_ALONE: ReadonlyMap<FaultCode, readonly Fault[]> = new Map(
  FAULT_CODES.map((code) => [code, [{ code, message: "" }]]),
);

/** One shared list for each code: the faults of 10,000 events of 3 bytes would take 12 MB until their answer. */
const unexplained = (faults: readonly Fault[]): readonly Fault[] =>
  CODES_ALONE.get(faults[0]?.code ?? "BAD_FORMAT") ?? faults;

const notAllowed = (nodeId: string): Fault => ({
  code: "NODE_NOT_ALLOWED",
  field: "node_id",
  message: `this key may not report for node_id ${shown(nodeId)}: use the key of that node's owner`,
});
