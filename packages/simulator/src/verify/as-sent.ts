import { isDeepStrictEqual } from "node:util";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { sentFields } from "@fiberstream/schemas/probe-fields";
import type { SimulatedEvent } from "../probes/probe.ts";

/** The fields of a sent event by which it is not found; each is a column of `metrics` of the same name. */
export const COMPARED_FIELDS: readonly string[] = sentFields(readAvroSchema("ProbeMetric"))
  .map(({ name }) => name)
  .filter((name) => name !== "node_id" && name !== "timestamp");

/** Returns whether a row or a record has what was sent, metadata as an object. What was not sent is null. */
export function isAsSent(found: object, sent: SimulatedEvent): boolean {
  const [one, other] = [found, sent] as readonly Readonly<Record<string, unknown>>[];
  return COMPARED_FIELDS.every((name) => {
    const [is, was] = [one?.[name] ?? null, other?.[name] ?? null];
    return is === was || isDeepStrictEqual(is, was);
  });
}
