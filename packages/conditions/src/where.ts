import jsep from "jsep";
import { type Condition, type Look, OPERATORS, truthOf, valueOfCall } from "./where-values.ts";

jsep.addUnaryOp("not");
jsep.addUnaryOp("NOT");
for (const [names, precedence] of [
  [["or", "OR"], 1],
  [["and", "AND"], 2],
  [["=", "in", "IN"], 6],
] as const) {
  for (const name of names) jsep.addBinaryOp(name, precedence);
}

/**
 * Compiles a condition that a user wrote, such as `latency_ms > 200 and country = "GH"`. It is parsed and
 * interpreted, never run as a program.
 *
 * @param text comparisons (= != < <= > >= in), and, or, not, + - * / %, numbers, texts in quotes, null,
 *   fields, nested fields (`node_tags.site`), and the functions of {@link WHERE_HELP}
 * @param options.names the existing fields; undefined: any
 * @returns a function that returns whether a record matches; it throws an Error when values cannot be compared
 * @throws {Error} with the reason when the text is not a valid condition
 */
export function compileWhere(text: string, options: { names?: readonly string[] } = {}): Condition {
  const tree = parseWhere(text);
  const value = compile(tree, options.names);
  return (look) => truthOf(value(look));
}

export const WHERE_HELP = `
A condition compares fields with values: latency_ms > 200 and country in ["GH", "KE"]
  = != < <= > >= in, and, or, not, + - * / %; null equals only null, and is neither less nor greater
  node_tags.site = "airport"             a nested field
  timestamp >= time("2026-11-24T12:00Z") a time (fields with times are microseconds since 1970)
  has(target_host, "example")            whether a text contains another
  starts(node_id, "probe-")              whether a text begins with another
  lower(region), abs(latency_z)`;

/**
 * Parses a condition.
 * @throws {Error} with the reason when the text is not one expression
 */
export function parseWhere(text: string): jsep.Expression {
  try {
    const tree = jsep(text);
    if (tree.type !== "Compound") return tree;
  } catch (error) {
    throw new Error(`the condition cannot be parsed: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new Error("the condition is not one expression: is `and` or `or` missing?");
}

type Value = (look: Look) => unknown;

function compile(tree: jsep.Expression, names: readonly string[] | undefined): Value {
  const below = (part: unknown) => compile(part as jsep.Expression, names);
  switch (tree.type) {
    case "Literal": {
      const { value } = tree as jsep.Literal;
      return () => value;
    }
    case "Identifier":
      return field((tree as jsep.Identifier).name, names);
    case "MemberExpression": {
      const { object, property, computed } = tree as jsep.MemberExpression;
      const whole = below(object);
      const part = computed ? below(property) : () => (property as jsep.Identifier).name;
      return (look) => partOf(whole(look), String(part(look)));
    }
    case "ArrayExpression": {
      const items = (tree as jsep.ArrayExpression).elements.map(below);
      return (look) => items.map((item) => item(look));
    }
    case "UnaryExpression": {
      const { operator, argument } = tree as jsep.UnaryExpression;
      const inner = below(argument);
      if (/^(not|!)$/i.test(operator)) return (look) => !truthOf(inner(look));
      if (operator === "-") return (look) => OPERATORS["-"]?.(0, inner(look));
      throw new Error(`the condition has ${operator}, which is not supported`);
    }
    case "BinaryExpression": {
      const { argument, rest } = beforeNot(tree as jsep.BinaryExpression);
      if (argument === undefined) return binary(rest, below);
      const inner = below({ ...rest, left: argument });
      return (look) => !truthOf(inner(look));
    }
    case "CallExpression": {
      const { callee, arguments: given } = tree as jsep.CallExpression;
      const values = given.map(below);
      const name = callee.type === "Identifier" ? (callee as jsep.Identifier).name : callee.type;
      const call = valueOfCall(name, values.length);
      return (look) => call(values.map((value) => value(look)));
    }
    default:
      throw new Error(`the condition has a ${tree.type}, which is not supported`);
  }
}

function binary(tree: jsep.BinaryExpression, below: (part: unknown) => Value): Value {
  const left = below(tree.left);
  const right = below(tree.right);
  const name = tree.operator.toLowerCase();
  if (name === "and" || name === "&&") return (look) => truthOf(left(look)) && truthOf(right(look));
  if (name === "or" || name === "||") return (look) => truthOf(left(look)) || truthOf(right(look));
  const operator = OPERATORS[name];
  if (operator === undefined) throw new Error(`the condition has ${name}, which is not supported`);
  return (look) => operator(left(look), right(look));
}

/** Makes `not` negate the whole comparison after it: the parser reads `not a = b` as `(not a) = b`. */
export function beforeNot(rest: jsep.BinaryExpression): {
  argument?: jsep.Expression;
  rest: jsep.BinaryExpression;
} {
  const isJoined = /^(and|or|&&|\|\|)$/i.test(rest.operator);
  if (isJoined) return { rest };
  if (rest.left.type === "BinaryExpression") {
    const { argument, rest: left } = beforeNot(rest.left as jsep.BinaryExpression);
    return argument === undefined ? { rest } : { argument: { ...left, left: argument }, rest };
  }
  const { type, operator, argument } = rest.left as jsep.UnaryExpression;
  return type === "UnaryExpression" && /^not$/i.test(operator) ? { argument, rest } : { rest };
}

function field(name: string, names: readonly string[] | undefined): Value {
  if (names !== undefined && !names.includes(name)) {
    throw new Error(`there is no field ${name}. Fields: ${names.join(", ")}`);
  }
  return (look) => look(name);
}

const partOf = (whole: unknown, name: string): unknown =>
  typeof whole === "object" && whole !== null && Object.hasOwn(whole, name)
    ? (whole as Record<string, unknown>)[name]
    : null;
