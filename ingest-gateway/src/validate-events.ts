import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { Rejection } from "./codes.ts";
import type { ParsedEvents } from "./parse-events.ts";
import { countUnknownFields, type Origin, type ValidateEvent } from "./validate-event.ts";

/** The events of a request, parted. */
export type CheckedEvents = {
  readonly events: readonly ProbeMetric[];
  /** Which event of the request each of `events` is, from 0. */
  readonly indexes: readonly number[];
  readonly rejections: readonly Rejection[];
  readonly unknownFields: number;
};

/** Parts the good events from the bad ones: one bad event never costs its batch. */
export function validateEvents(
  parsed: ParsedEvents,
  origin: Origin,
  validate: ValidateEvent,
): CheckedEvents {
  const events: ProbeMetric[] = [];
  const indexes: number[] = [];
  const rejections: Rejection[] = [];
  let unknownFields = 0;
  for (const [index, input] of parsed.inputs.entries()) {
    const malformed = parsed.malformed?.get(index);
    const result = malformed === undefined ? validate(input, origin) : [malformed];
    if (Array.isArray(result)) rejections.push({ index, faults: result });
    else {
      events.push(result);
      indexes.push(index);
      unknownFields += countUnknownFields(input);
    }
  }
  return { events, indexes, rejections, unknownFields };
}
