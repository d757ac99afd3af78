import type { RecordField } from "@fiberstream/schemas/avro-schema";
import type { Fault } from "./fault.ts";

/** Returns the value for the record, or adds its faults to `faults`. */
export type Rule<T> = (value: unknown, faults: Fault[]) => T;

/** A rule that may ask when the event arrived. */
export type TimedRule<T> = (value: unknown, faults: Fault[], receivedAtMicros: number) => T;

export const missing = ({ name, example }: RecordField): Fault => ({
  code: "REQUIRED",
  field: name,
  message: `${name} is required, such as ${JSON.stringify(example)}`,
});
