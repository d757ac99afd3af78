import { isoTime } from "./iso-time.ts";

/** Returns the value of a field of a record; null if the record has no such field. */
export type Look = (name: string) => unknown;

export type Condition = (look: Look) => boolean;

type Operator = (left: unknown, right: unknown) => unknown;

/** The operators of a condition. `undefined` and null are the same: an unknown value. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  "=": (left, right) => plain(left) === plain(right),
  "==": (left, right) => plain(left) === plain(right),
  "!=": (left, right) => plain(left) !== plain(right),
  "<": (left, right) => order(left, right, (sign) => sign < 0),
  "<=": (left, right) => order(left, right, (sign) => sign <= 0),
  ">": (left, right) => order(left, right, (sign) => sign > 0),
  ">=": (left, right) => order(left, right, (sign) => sign >= 0),
  "+": (left, right) => calculate(left, right, (a, b) => a + b),
  "-": (left, right) => calculate(left, right, (a, b) => a - b),
  "*": (left, right) => calculate(left, right, (a, b) => a * b),
  "/": (left, right) => calculate(left, right, (a, b) => a / b),
  "%": (left, right) => calculate(left, right, (a, b) => a % b),
  in: (left, right) => {
    if (Array.isArray(right)) return right.includes(plain(left));
    throw new Error('in needs a list: country in ["GH", "KE"]');
  },
};

type Call = (values: readonly unknown[]) => unknown;

const CALLS: Readonly<Record<string, { takes: number; call: Call }>> = {
  time: { takes: 1, call: ([text]) => microsOf(String(text)) },
  has: { takes: 2, call: ([text, part]) => textOf(text).includes(textOf(part)) },
  starts: { takes: 2, call: ([text, part]) => textOf(text).startsWith(textOf(part)) },
  lower: { takes: 1, call: ([text]) => textOf(text).toLowerCase() },
  abs: { takes: 1, call: ([value]) => calculate(value, 0, (number) => Math.abs(number)) },
};

/** @throws {Error} when the function does not exist, or takes another number of values */
export function valueOfCall(name: string, given: number): Call {
  const found = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  if (found?.takes === given) return found.call;
  throw new Error(
    found === undefined
      ? `there is no function ${name}(). Functions: ${Object.keys(CALLS).join(", ")}`
      : `${name}() takes ${found.takes} values, not ${given}`,
  );
}

/**
 * Returns whether a condition is true; a comparison with an unknown value is not.
 * @throws {Error} when the value is not a boolean
 */
export function truthOf(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (plain(value) === null) return false;
  throw new Error(`${JSON.stringify(value)} alone is not a condition. Compare it with a value`);
}

const plain = (value: unknown): unknown => value ?? null;
const textOf = (value: unknown): string => (plain(value) === null ? "" : String(value));

function order(left: unknown, right: unknown, holds: (sign: number) => boolean): boolean {
  if (plain(left) === null || plain(right) === null) return false;
  if (typeof left === "number" && typeof right === "number") return holds(left - right);
  if (typeof left === "string" && typeof right === "string") {
    return holds(left < right ? -1 : left === right ? 0 : 1);
  }
  throw new Error(
    `${JSON.stringify(left)} cannot be compared with ${JSON.stringify(right)}: one is a ${typeof left}, the other a ${typeof right}`,
  );
}

function calculate(
  left: unknown,
  right: unknown,
  by: (left: number, right: number) => number,
): number | null {
  if (plain(left) === null || plain(right) === null) return null;
  if (typeof left === "number" && typeof right === "number") return by(left, right);
  throw new Error(`${JSON.stringify(left)} and ${JSON.stringify(right)} are not both numbers`);
}

function microsOf(text: string): number {
  const { micros, problem = "" } = isoTime(text);
  if (micros !== undefined) return micros;
  throw new Error(
    `time("${text}") is not a time such as 2026-11-24T12:00:00.123456Z. ${problem}`.trim(),
  );
}
