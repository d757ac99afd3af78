import pg from "pg";
import { ALL, EVERYTHING, isEverything, type TenantScope } from "../access/scope.ts";

export type Statement = { readonly text: string; readonly values: readonly unknown[] };

type Value = (value: unknown) => string;

/** What the text of a statement is built with. */
export type Parts = {
  /** Keeps a value for the statement, and returns its placeholder. */
  readonly value: Value;
  /**
   * Returns the condition that a row may be seen: the parameters are expressions for its tenant and its node. Without a node it
   * is about none, and whoever may see only some nodes of the tenant does not see it.
   */
  readonly visible: (tenant: string, node?: string) => string;
};

/**
 * Makes the SQL of a question. All questions are made here, so that none can leave out whose data it may see.
 *
 * @param build returns the text; it has to use `visible`
 * @throws {Error} when it did not
 */
export function statement(scope: TenantScope, build: (parts: Parts) => string): Statement {
  const values: unknown[] = [];
  const text = boundText(scope, (given) => `$${values.push(given)}`, build);
  return { text, values };
}

/**
 * Makes the SQL of a question for COPY, which takes no parameters: the values are in the text, as literals.
 * @throws {Error} as `statement` does
 */
export const literalStatement = (scope: TenantScope, build: (parts: Parts) => string): string =>
  boundText(scope, literal, build);

function boundText(scope: TenantScope, value: Value, build: (parts: Parts) => string): string {
  let isBound = false;
  const visible: Parts["visible"] = (tenant, node) => {
    isBound = true;
    return visibleCondition(scope, value, { tenant, node });
  };
  const text = build({ value, visible });
  if (!isBound) throw new Error("a statement does not say whose data it reads");
  return text;
}

/** One condition for the tenants of which all nodes are seen, and one for each other tenant with its patterns. */
function visibleCondition(
  scope: TenantScope,
  value: Value,
  { tenant, node }: { tenant: string; node: string | undefined },
): string {
  if (isEverything(scope)) return "true";
  const whole: string[] = [];
  const patternsOf = new Map<string, string[]>();
  for (const grant of scope.grants) {
    if (grant.nodes === ALL) whole.push(grant.tenant);
    else patternsOf.set(grant.tenant, [...(patternsOf.get(grant.tenant) ?? []), grant.nodes]);
  }
  const conditions = whole.length === 0 ? [] : [`${tenant} = ANY (${value(whole)}::text[])`];
  for (const [of, patterns] of node === undefined ? [] : patternsOf) {
    // Made once for the statement, and then searched by halving for each row.
    const ranges = `(SELECT range_agg(node_pattern_range(pattern)) FROM unnest(${value(patterns)}::text[]) AS pattern)`;
    const isOfNodes = `${ranges} @> (${node})::text`;
    conditions.push(of === ALL ? isOfNodes : `(${tenant} = ${value(of)}::text AND ${isOfNodes})`);
  }
  return conditions.length === 0 ? "false" : `(${conditions.join(" OR ")})`;
}

/** A literal of unknown type, as a parameter is. */
function literal(value: unknown): string {
  if (value instanceof Date) return pg.escapeLiteral(value.toISOString());
  if (typeof value === "string" || typeof value === "number")
    return pg.escapeLiteral(String(value));
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join()}]`;
  throw new TypeError(`a ${typeof value} cannot be a literal`);
}

/**
 * Makes the SQL of a question about the platform itself, such as the offsets of its topics: only for those who may see everything.
 * @returns undefined for others
 */
export function platformStatement(
  scope: TenantScope,
  build: (parts: Pick<Parts, "value">) => string,
): Statement | undefined {
  return isEverything(scope) ? ownStatement(build) : undefined;
}

/** Makes SQL that shows nobody's data to a reader: of ours, or bound to its reader in another way. */
export const ownStatement = (build: (parts: Pick<Parts, "value">) => string): Statement =>
  statement(EVERYTHING, ({ value, visible }) => {
    visible("");
    return build({ value });
  });

/** Returns a time as text in ISO 8601 with microseconds, in UTC. */
export const isoText = (time: string): string =>
  `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
