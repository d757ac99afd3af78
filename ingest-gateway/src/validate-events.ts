import type { Sender } from "./auth/sender.ts";
import type { KeptEvents } from "./batches/kept-events.ts";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { Fault, Rejection } from "./codes.ts";
import { bytesPastLimit } from "./event-size.ts";
import { LIMITS } from "./limits.ts";
import type { ParsedEvents } from "./parse-events.ts";
import { shown } from "./shown-value.ts";
import { countUnknownFields, type Origin, type ValidateEvent } from "./validate-event.ts";

/** What is known of a request's events, apart from the good ones themselves. */
export type CheckedEvents = {
  /** Which events of the request the good ones are, from 0. */
  readonly indexes: readonly number[];
  /** The first good one's. */
  readonly eventId: string | undefined;
  readonly rejections: readonly Rejection[];
  readonly unknownFields: number;
};

/**
 * Parts the good events from the bad ones: one bad event never costs its batch.
 *
 * @param options.kept events that an earlier try has brought into Kafka; they are left out
 * @returns the good ones, and what is to be remembered of all
 */
export function validateEvents(
  parsed: ParsedEvents,
  from: Omit<Origin, "nodeId"> & Pick<Sender, "mayReport">,
  options: { validate: ValidateEvent; kept: Pick<KeptEvents, "has"> },
): { events: readonly ProbeMetric[]; checked: CheckedEvents } {
  const { validate, kept } = options;
  const { mayReport } = from;
  const origin = { ...from, nodeId: parsed.nodeId };
  const events: ProbeMetric[] = [];
  const indexes: number[] = [];
  const rejections: Rejection[] = [];
  let unknownFields = 0;
  for (const [index, input] of parsed.inputs.entries()) {
    if (kept.has(index)) continue;
    const malformed = parsed.malformed?.get(index);
    const result = malformed === undefined ? validate(input, origin) : [malformed];
    if (Array.isArray(result)) rejections.push({ index, faults: result });
    else if (mayReport !== undefined && !mayReport(result.node_id)) {
      rejections.push({ index, faults: [notAllowed(result.node_id)] });
    } else {
      const unknown = countUnknownFields(input);
      const tooManyBytes = bytesPastLimit(input as object, result, {
        unknownFields: unknown,
        maxBytes: LIMITS.eventBytes,
      });
      if (tooManyBytes !== undefined) {
        rejections.push({ index, faults: [tooLong(tooManyBytes)] });
        continue;
      }
      events.push(result);
      indexes.push(index);
      unknownFields += unknown;
    }
  }
  const checked = { indexes, eventId: events[0]?.event_id, rejections, unknownFields };
  return { events, checked };
}

const tooLong = (bytes: number): Fault => ({
  code: "TOO_LONG",
  message: `an event must be at most ${LIMITS.eventBytes} bytes as JSON, got ${bytes} or more: send less metadata and no fields that are not known`,
});

const notAllowed = (nodeId: string): Fault => ({
  code: "NODE_NOT_ALLOWED",
  field: "node_id",
  message: `this key may not report for node_id ${shown(nodeId)}: use the key of that node's owner`,
});
