import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { shown, typeName } from "./shown-value.ts";
import type { Rule } from "./rule.ts";

/** Creates the rule of an array of numbers: at most `maxItems`, each from the field's minimum to its maximum. */
export function numbersRule(field: RecordField): Rule<readonly number[]> {
  const { name, maxItems = 0, minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE } = field;
  const isAllowed = (item: unknown): item is number =>
    typeof item === "number" && item >= minimum && item <= maximum;

  return (value, faults) => {
    if (!Array.isArray(value)) {
      const message = `${name} must be an array of numbers, got ${typeName(value)}`;
      faults.push({ code: "WRONG_TYPE", field: name, message });
      return [];
    }
    const items: readonly unknown[] = value;
    if (items.length > maxItems) {
      const message = `${name} must have at most ${maxItems} numbers, got ${items.length}`;
      faults.push({ code: "TOO_LONG", field: name, message });
      return [];
    }
    if (items.every(isAllowed)) return items;
    const at = items.findIndex((item) => !isAllowed(item));
    const item = items[at];
    const isNumber = typeof item === "number";
    const got = isNumber || typeof item === "string" ? shown(item) : typeName(item);
    faults.push({
      code: isNumber ? "OUT_OF_RANGE" : "WRONG_TYPE",
      field: name,
      message: `${name}[${at}] must be a number from ${minimum} to ${maximum}, got ${got}`,
    });
    return [];
  };
}
