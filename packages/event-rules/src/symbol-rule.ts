import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { symbolsOf } from "@fiberstream/schemas/probe-fields";
import { shown, typeName } from "./shown-value.ts";
import type { Rule } from "./rule.ts";

/** Creates the rule of a value that is one of an enum's symbols. */
export function symbolRule(field: RecordField): Rule<string> {
  const { name } = field;
  const symbols = symbolsOf(field);
  const allowed: ReadonlySet<unknown> = new Set(symbols);
  const must = `${name} must be one of ${symbols.join(", ")}`;
  return (value, faults) => {
    if (typeof value === "string") {
      if (allowed.has(value)) return value;
      faults.push({ code: "BAD_FORMAT", field: name, message: `${must}, got ${shown(value)}` });
    } else {
      faults.push({ code: "WRONG_TYPE", field: name, message: `${must}, got ${typeName(value)}` });
    }
    return "";
  };
}
