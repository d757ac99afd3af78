import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { shown, typeName } from "./shown-value.ts";
import { missing, type Rule } from "./rule.ts";

/** Creates the rule of a number that is present, from the field's minimum and maximum. JSON's 1e999 is infinite, so out of range. */
export function numberRule(field: RecordField): Rule<number> {
  const { name, minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE, example } = field;
  return (value, faults) => {
    if (typeof value === "number") {
      if (value >= minimum && value <= maximum) return value;
      const message = `${name} must be ${minimum} to ${maximum}, got ${String(value)}`;
      faults.push({ code: "OUT_OF_RANGE", field: name, message });
    } else if (value === undefined || value === null) faults.push(missing(field));
    else {
      const got = typeof value === "string" ? `the string ${shown(value)}` : typeName(value);
      const message = `${name} must be a number, such as ${String(example)}, got ${got}`;
      faults.push({ code: "WRONG_TYPE", field: name, message });
    }
    return 0;
  };
}

/** Creates the rule of a whole number that is present. `10.0` is one in JSON, too. */
export function integerRule(field: RecordField): Rule<number> {
  const { name } = field;
  const isNumber = numberRule(field);
  return (value, faults) => {
    const number = isNumber(value, faults);
    if (Number.isInteger(number)) return number;
    const message = `${name} must be a whole number, got ${number}`;
    faults.push({ code: "BAD_FORMAT", field: name, message });
    return 0;
  };
}
