import type { IncomingMessage } from "node:http";
import type { RecordField } from "@fiberstream/schemas/avro-schema";
import type { Fault } from "@fiberstream/event-rules/fault";
import { Refusal } from "../answers/refusal.ts";
import { textRule } from "@fiberstream/event-rules/text-rule";

const HEADER = "X-Region-ID";

/**
 * Reads the relay's region from its header, by the rules of the record's field.
 * @returns a reader that gives null when there is none
 * @throws {Refusal} of a fault's code
 */
export function createSourceRegion(field: RecordField) {
  const rule = textRule({ ...field, name: HEADER });
  return (request: IncomingMessage): string | null => {
    const given = request.headers["x-region-id"];
    if (given === undefined || given === "") return null;
    const faults: Fault[] = [];
    const region = rule(given, faults);
    // Node reads header bytes as Latin-1, which would turn other alphabets into something else.
    if (typeof given === "string" && /[^\x20-\x7e]/.test(given)) {
      faults.push({ code: "BAD_FORMAT", field: HEADER, message: `${HEADER} must be ASCII` });
    }
    const [fault] = faults;
    if (fault !== undefined) throw new Refusal(fault.code, fault.message, { faults });
    return region;
  };
}
