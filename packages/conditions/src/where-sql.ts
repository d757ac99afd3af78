import type jsep from "jsep";
import { isoTime } from "./iso-time.ts";
import { beforeNot, parseWhere } from "./where.ts";

type Kind = "number" | "text" | "boolean";

/** A field of a condition as SQL: an expression, and the kind of its values. A time is a number: microseconds since 1970. */
export type SqlField = { readonly sql: string; readonly kind: Kind };

type Part = { readonly sql: string; readonly kind: Kind | "null" };

/** Longer conditions are rejected, which bounds the work of the parser. */
export const CONDITION_MAX_CHARACTERS = 2_000;
/**
 * Larger SQL is rejected, which bounds the work of the database: PostgreSQL checks no time limit while it parses and plans.
 * Each item of a list repeats what is compared with it, so that lists within lists grow exponentially.
 */
const SQL_MAX_CHARACTERS = 64 * CONDITION_MAX_CHARACTERS;

/**
 * Compiles a condition to SQL that is true for the same rows as `compileWhere` for their records, and never null. Two
 * differences: what is divided by zero is unknown, and values of different kinds are rejected here instead of when a
 * record has them.
 *
 * @param options.fields the existing fields, by their names in conditions
 * @param options.parameter keeps a value for the statement, and returns its placeholder
 * @throws {Error} with the reason when the text is not a valid condition
 */
export function whereAsSql(
  text: string,
  options: {
    fields: Readonly<Record<string, SqlField>>;
    parameter: (value: string | number) => string;
  },
): string {
  if (text.length > CONDITION_MAX_CHARACTERS) {
    throw new Error(`the condition has more than ${CONDITION_MAX_CHARACTERS} characters`);
  }
  const { fields, parameter } = options;

  const literal = (value: string | number | boolean | RegExp | null): Part => {
    if (value === null) return { sql: "NULL", kind: "null" };
    if (typeof value === "boolean") return { sql: String(value), kind: "boolean" };
    if (typeof value === "number") {
      return { sql: `${parameter(value)}::double precision`, kind: "number" };
    }
    const given = value.toString();
    if (given.includes("\0")) throw new Error("a text in the condition has a NUL character");
    return { sql: `${parameter(given)}::text`, kind: "text" };
  };

  const field = (name: string): Part => {
    const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (found !== undefined) return found;
    throw new Error(`there is no field ${name}. Fields: ${Object.keys(fields).join(", ")}`);
  };

  const part = (tree: jsep.Expression): Part => {
    const made = compiled(tree);
    refuseLarge(made.sql.length);
    return made;
  };

  const compiled = (tree: jsep.Expression): Part => {
    switch (tree.type) {
      case "Literal":
        return literal((tree as jsep.Literal).value);
      case "Identifier":
        return field((tree as jsep.Identifier).name);
      case "MemberExpression":
        throw new Error("the condition has a nested field, and stored events have none");
      case "UnaryExpression": {
        const { operator, argument } = tree as jsep.UnaryExpression;
        if (/^(not|!)$/i.test(operator)) return truth(`NOT ${truthOf(part(argument))}`);
        if (operator !== "-") {
          throw new Error(`the condition has ${operator}, which is not supported`);
        }
        return { sql: `(- ${numberOf(part(argument))})`, kind: "number" };
      }
      case "BinaryExpression": {
        const { argument, rest } = beforeNot(tree as jsep.BinaryExpression);
        if (argument === undefined) return binary(rest);
        return truth(`NOT ${truthOf(binary({ ...rest, left: argument }))}`);
      }
      case "CallExpression": {
        const { callee, arguments: given } = tree as jsep.CallExpression;
        const name = callee.type === "Identifier" ? (callee as jsep.Identifier).name : callee.type;
        return call(name, given, { part, literal });
      }
      default:
        throw new Error(`the condition has a ${tree.type}, which is not supported`);
    }
  };

  const binary = (tree: jsep.BinaryExpression): Part => {
    const name = tree.operator.toLowerCase();
    if (name === "in") return isIn(part(tree.left), tree.right);
    const [left, right] = [part(tree.left), part(tree.right)];
    const joined = JOINED[name];
    if (joined !== undefined) return truth(`${truthOf(left)} ${joined} ${truthOf(right)}`);
    if (name === "=" || name === "==") return truth(equal(left, right));
    if (name === "!=") return truth(`NOT ${equal(left, right)}`);
    if (ORDERED.has(name)) return truth(ordered(left, name, right));
    const calculation = CALCULATIONS[name];
    if (calculation === undefined) {
      throw new Error(`the condition has ${name}, which is not supported`);
    }
    return { sql: calculation(numberOf(left), numberOf(right)), kind: "number" };
  };

  const isIn = (left: Part, list: jsep.Expression): Part => {
    if (list.type !== "ArrayExpression") {
      throw new Error('in needs a list: country in ["GH", "KE"]');
    }
    const { elements } = list as jsep.ArrayExpression;
    refuseLarge(left.sql.length * elements.length);
    const items = elements.map((item) => equal(left, item === null ? literal(null) : part(item)));
    return truth(items.length === 0 ? "false" : items.join(" OR "));
  };

  return truthOf(part(parseWhere(text)));
}

function refuseLarge(characters: number): void {
  if (characters <= SQL_MAX_CHARACTERS) return;
  throw new Error(
    "the condition is too complex: compare a field with a list, not a long expression",
  );
}

const truth = (sql: string): Part => ({ sql: `(${sql})`, kind: "boolean" });

const JOINED: Readonly<Record<string, "AND" | "OR">> = {
  and: "AND",
  "&&": "AND",
  or: "OR",
  "||": "OR",
};
const ORDERED: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);
const CALCULATIONS: Readonly<Record<string, (left: string, right: string) => string>> = {
  "+": (left, right) => `(${left} + ${right})`,
  "-": (left, right) => `(${left} - ${right})`,
  "*": (left, right) => `(${left} * ${right})`,
  "/": (left, right) => `(${left} / nullif(${right}, 0))`,
  "%": (left, right) => `mod((${left})::numeric, nullif(${right}, 0)::numeric)::double precision`,
};

/** Compares as JavaScript's === does: null equals null, and values of different kinds are never equal. */
function equal(left: Part, right: Part): string {
  if (left.kind === right.kind || left.kind === "null" || right.kind === "null") {
    return `(${left.sql} IS NOT DISTINCT FROM ${right.sql})`;
  }
  return `(${left.sql} IS NULL AND ${right.sql} IS NULL)`;
}

function ordered(left: Part, operator: string, right: Part): string {
  if (left.kind === "null" || right.kind === "null") {
    // Both sides stay in the statement, because the server needs to see each parameter.
    return `(false AND (${left.sql} IS NULL OR ${right.sql} IS NULL))`;
  }
  if (left.kind !== right.kind || left.kind === "boolean") {
    throw new Error(
      `a ${left.kind} cannot be compared with a ${right.kind} by ${operator}: both have to be numbers, or texts`,
    );
  }
  const collation = left.kind === "text" ? ' COLLATE "C"' : "";
  return `coalesce(${left.sql}${collation} ${operator} ${right.sql}${collation}, false)`;
}

function truthOf({ sql, kind }: Part): string {
  if (kind === "null") return "false";
  if (kind === "boolean") return `coalesce(${sql}, false)`;
  throw new Error(`a ${kind} alone is not a condition. Compare it with a value`);
}

function numberOf({ sql, kind }: Part): string {
  if (kind === "null") return "NULL::double precision";
  if (kind === "number") return sql;
  throw new Error(`a ${kind} is not a number`);
}

const textOf = ({ sql, kind }: Part): string =>
  kind === "null" ? "''" : `coalesce((${sql})::text, '')`;

function call(
  name: string,
  given: readonly jsep.Expression[],
  { part, literal }: { part: (tree: jsep.Expression) => Part; literal: (value: number) => Part },
): Part {
  const found = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  if (found === undefined && name !== "time") {
    throw new Error(
      `there is no function ${name}(). Functions: time, ${Object.keys(CALLS).join(", ")}`,
    );
  }
  const takes = found?.takes ?? 1;
  if (given.length !== takes) {
    throw new Error(`${name}() takes ${takes} values, not ${given.length}`);
  }
  return found === undefined ? literal(microsOf(given[0])) : found.call(given.map(part));
}

const CALLS: Readonly<Record<string, { takes: number; call: (values: readonly Part[]) => Part }>> =
  {
    has: { takes: 2, call: (values) => truth(`strpos(${values.map(textOf).join(", ")}) > 0`) },
    starts: { takes: 2, call: (values) => truth(`starts_with(${values.map(textOf).join(", ")})`) },
    lower: {
      takes: 1,
      call: (values) => ({ sql: `lower(${values.map(textOf).join()})`, kind: "text" }),
    },
    abs: {
      takes: 1,
      call: (values) => ({ sql: `abs(${values.map(numberOf).join()})`, kind: "number" }),
    },
  };

function microsOf(tree: jsep.Expression | undefined): number {
  const text = tree?.type === "Literal" ? (tree as jsep.Literal).value : undefined;
  if (typeof text !== "string") throw new Error("time() takes a text in quotes");
  const { micros, problem = "" } = isoTime(text);
  if (micros !== undefined) return micros;
  throw new Error(
    `time("${text}") is not a time such as 2026-11-24T12:00:00.123456Z. ${problem}`.trim(),
  );
}
